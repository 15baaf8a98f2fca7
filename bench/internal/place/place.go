package place

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/shmbus/shmbus/bench/internal/missing"
	"github.com/shmbus/shmbus/bench/internal/proc"
)

// A Place is where the two processes of a pair run.
type Place int

const (
	Anywhere Place = iota // where the kernel wants them
	Together              // on one processor
	Apart                 // on two
)

// Possible returns nil, or why processes cannot be placed so.
func (p Place) Possible() error {
	if p == Anywhere {
		return nil
	}
	if _, err := missing.Program("taskset", "util-linux"); err != nil {
		return err
	}
	_, err := p.cpus()
	return err
}

// Env tells our C programs.
func (p Place) Env() []string {
	c, err := p.cpus()
	if p == Anywhere || err != nil {
		return nil
	}
	return []string{fmt.Sprintf("BENCH_CPUS=%d %d", c[0], c[1])}
}

// Command is how a program is started whose processes are to run together. It sees only that processor, and adapts to it.
func (p Place) Command(name string, args ...string) (string, []string, error) {
	if p != Together {
		return name, args, nil
	}
	c, err := p.cpus()
	return "taskset", append([]string{"-c", strconv.Itoa(c[0]), name}, args...), err
}

// Pin places the first two processes that a process starts, as soon as there are any, if they are to run apart. It returns when they are there and placed, when the
// process has ended, or when ctx has.
func (p Place) Pin(ctx context.Context, parent *proc.Process) error {
	if p != Apart {
		return nil
	}
	cpus, err := p.cpus()
	if err != nil {
		return err
	}
	placed := map[int]bool{}
	for len(placed) < 2 {
		for _, child := range children(parent.ID()) {
			if placed[child] || len(placed) == 2 {
				continue
			}
			if _, err := proc.Run(ctx, "", nil, "taskset", "-a", "-c", "-p", strconv.Itoa(cpus[len(placed)]), strconv.Itoa(child)); err != nil {
				return err
			}
			placed[child] = true
		}
		if ended, _ := parent.Ended(); ended {
			return nil // and whoever waits for it learns why
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Millisecond):
		}
	}
	return nil
}

// cpus are the processors of the first and the second process.
func (p Place) cpus() (c [2]int, err error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return c, err
	}
	all, err := allowed(string(status))
	if err != nil {
		return c, err
	}
	c = [2]int{all[0], all[0]}
	if p == Apart {
		if len(all) < 2 {
			return c, errors.New("there is only one processor")
		}
		c[1] = all[1]
	}
	return c, nil
}

// allowed reads the processors that a process may run on from its status in /proc. It returns at least one, or an error.
func allowed(status string) (all []int, err error) {
	_, list, ok := strings.Cut(status, "\nCpus_allowed_list:")
	if !ok {
		return nil, errors.New("the kernel does not say which processors there are")
	}
	list, _, _ = strings.Cut(list, "\n")
	for part := range strings.SplitSeq(strings.TrimSpace(list), ",") {
		first, last, isRange := strings.Cut(part, "-")
		from, err := strconv.Atoi(first)
		if err != nil {
			return nil, fmt.Errorf("processors %q: %w", list, err)
		}
		to := from
		if isRange {
			if to, err = strconv.Atoi(last); err != nil {
				return nil, fmt.Errorf("processors %q: %w", list, err)
			}
		}
		for cpu := from; cpu <= to && len(all) < 2; cpu++ {
			all = append(all, cpu)
		}
	}
	return all, nil
}

// children are the processes that a process has started and that have not ended.
func children(parent int) (all []int) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil
	}
	for _, name := range stats {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // it has ended
		}
		_, rest, _ := strings.Cut(string(text), ") ")
		fields := strings.Fields(rest)
		if len(fields) < 2 || fields[0] == "Z" || fields[1] != strconv.Itoa(parent) {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name))); err == nil {
			all = append(all, pid)
		}
	}
	return all
}
