package trace

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/shmbus/shmbus/cmd/shmperf/internal/pair"
)

// Calls are system calls per message.
type Calls struct {
	Sender, Receiver float64 // of all kinds
	Futex            float64 // of both
}

// How many messages the passes have.
const (
	streamPass   = 100_000
	answeredPass = 20_000
	pacedPass    = 1000
	shorter      = 10 // times shorter is the other pass
)

// Count counts the system calls of a pair for each message, on stages in parent. What the sender does to keep --rate is among
// them: one call per message.
func Count(ctx context.Context, parent string, o pair.Order) (_ Calls, err error) {
	program, err := exec.LookPath("strace")
	if err != nil {
		return Calls{}, fmt.Errorf("count system calls: %w; install strace", err)
	}
	dir, err := os.MkdirTemp("", "shmperf-")
	if err != nil {
		return Calls{}, fmt.Errorf("make a directory for what strace says: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	long := uint64(streamPass)
	switch {
	case o.Rate > 0:
		long = pacedPass
	case o.Answered || o.Wait == pair.Block:
		long = answeredPass
	}
	o.Duration = 0
	var passes [2]map[string]tally
	for i, n := range []uint64{long / shorter, long} {
		o.Count = n
		if passes[i], err = pass(ctx, parent, o, program, dir); err != nil {
			return Calls{}, err
		}
	}
	per := func(figure func(map[string]tally) int64) float64 {
		return max(0, float64(figure(passes[1])-figure(passes[0]))/float64(long-long/shorter))
	}
	return Calls{
		Sender:   per(func(m map[string]tally) int64 { return m[pair.Sender]["total"] }),
		Receiver: per(func(m map[string]tally) int64 { return m[pair.Receiver]["total"] }),
		Futex:    per(func(m map[string]tally) int64 { return m[pair.Sender].futex() + m[pair.Receiver].futex() }),
	}, nil
}

// A tally is how often each system call was made.
type tally map[string]int64

func (t tally) futex() int64 { return t["futex"] + t["futex_waitv"] }

// pass runs a pair under strace and returns the tally of each role.
func pass(ctx context.Context, parent string, o pair.Order, program, dir string) (map[string]tally, error) {
	file := func(role string) string { return filepath.Join(dir, role) }
	wrap := func(role string) []string {
		return []string{program, "-f", "-c", "-U", "calls,name", "-o", file(role), "--"}
	}
	if _, err := pair.Run(ctx, parent, o, wrap); err != nil {
		return nil, err
	}
	all := map[string]tally{}
	for _, role := range []string{pair.Sender, pair.Receiver} {
		text, err := os.ReadFile(file(role))
		if err != nil {
			return nil, fmt.Errorf("read what strace says: %w", err)
		}
		if all[role], err = read(string(text)); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// read understands the table that strace prints: a count and a name in each line, with "total" as the last name.
func read(table string) (tally, error) {
	t := tally{}
	for line := range strings.Lines(table) {
		f := strings.Fields(line)
		if len(f) != 2 {
			continue
		}
		if n, err := strconv.ParseInt(f[0], 10, 64); err == nil {
			t[f[1]] += n
		}
	}
	if t["total"] == 0 {
		return nil, fmt.Errorf("strace counted nothing: %q", table)
	}
	return t, nil
}
