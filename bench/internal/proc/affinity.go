package proc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// An Affinity is the CPUs of the two processes of a pair. The delay of a receiver that sleeps depends most on them. To wake it on the CPU
// of the publisher costs a few microseconds. To wake another CPU that sleeps can cost ten times as much. Without an affinity the kernel
// chooses one of the two when the processes start, and keeps it.
type Affinity int

const (
	AnyCPU  Affinity = iota // chosen by the kernel
	OneCPU                  // both processes on one CPU
	TwoCPUs                 // each process on a CPU of its own
)

// Possible returns nil, or why processes cannot have this affinity.
func (a Affinity) Possible() error {
	if a == AnyCPU {
		return nil
	}
	if _, err := Find("taskset", "util-linux"); err != nil {
		return err
	}
	_, err := a.cpus()
	return err
}

// Env is the affinity for the environment of the programs in C.
func (a Affinity) Env() []string {
	c, err := a.cpus()
	if a == AnyCPU || err != nil {
		return nil
	}
	return []string{fmt.Sprintf("BENCH_CPUS=%d %d", c[0], c[1])}
}

// Command is the command that starts a program. With OneCPU the program sees only that CPU and adapts to it.
func (a Affinity) Command(name string, args ...string) (string, []string, error) {
	if a != OneCPU {
		return name, args, nil
	}
	c, err := a.cpus()
	return "taskset", append([]string{"-c", strconv.Itoa(c[0]), name}, args...), err
}

// Pin sets the CPUs of the first two children of a process, with TwoCPUs. It returns when both have started and are pinned, when the
// process has ended, or when ctx has.
func (a Affinity) Pin(ctx context.Context, parent *Process) error {
	if a != TwoCPUs {
		return nil
	}
	cpus, err := a.cpus()
	if err != nil {
		return err
	}
	pinned := map[int]bool{}
	for len(pinned) < 2 {
		for _, child := range children(parent.ID()) {
			if pinned[child] || len(pinned) == 2 {
				continue
			}
			if _, err := Run(ctx, "", nil, "taskset", "-a", "-c", "-p", strconv.Itoa(cpus[len(pinned)]), strconv.Itoa(child)); err != nil {
				return err
			}
			pinned[child] = true
		}
		if ended, _ := parent.Ended(); ended {
			return nil // Wait returns the reason
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Millisecond):
		}
	}
	return nil
}

// cpus are the CPUs of the first and the second process.
func (a Affinity) cpus() (c [2]int, err error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return c, err
	}
	all, err := allowed(string(status))
	if err != nil {
		return c, err
	}
	c = [2]int{all[0], all[0]}
	if a == TwoCPUs {
		if len(all) < 2 {
			return c, errors.New("there is only one processor")
		}
		c[1] = all[1]
	}
	return c, nil
}

// allowed reads the first two CPUs that a process may run on from its status in /proc. It returns at least one, or an error.
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

// children are the running children of a process.
func children(parent int) (all []int) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil
	}
	for _, name := range stats {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // the process has ended
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
