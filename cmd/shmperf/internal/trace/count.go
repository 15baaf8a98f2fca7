package trace

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Calls are system calls of one process per message.
type Calls struct {
	All   float64
	Futex float64
}

// shorter is how many times shorter one pass is than the other.
const shorter = 10

// Count counts the system calls of some roles for each message. It calls run with how many messages to measure, and what to start
// the process of a role under.
func Count(long uint64, roles []string, run func(n uint64, wrap func(role string) []string) error) (_ map[string]Calls, err error) {
	program, err := exec.LookPath("strace")
	if err != nil {
		return nil, fmt.Errorf("count system calls: %w; install strace", err)
	}
	dir, err := os.MkdirTemp("", "shmperf-")
	if err != nil {
		return nil, fmt.Errorf("make a directory for what strace says: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	file := func(role string) string { return filepath.Join(dir, role) }
	wrap := func(role string) []string {
		if !slices.Contains(roles, role) {
			return nil
		}
		return []string{program, "-f", "-c", "-U", "calls,name", "-o", file(role), "--"}
	}
	var passes [2]map[string]tally
	for i, n := range []uint64{long / shorter, long} {
		if err := run(n, wrap); err != nil {
			return nil, err
		}
		if passes[i], err = readAll(file, roles); err != nil {
			return nil, err
		}
	}
	per := func(short, more int64) float64 { return max(0, float64(more-short)/float64(long-long/shorter)) }
	calls := map[string]Calls{}
	for _, role := range roles {
		a, b := passes[0][role], passes[1][role]
		calls[role] = Calls{All: per(a["total"], b["total"]), Futex: per(a.futex(), b.futex())}
	}
	return calls, nil
}

// A tally is how often each system call was made.
type tally map[string]int64

func (t tally) futex() int64 { return t["futex"] + t["futex_waitv"] }

func readAll(file func(role string) string, roles []string) (map[string]tally, error) {
	all := map[string]tally{}
	for _, role := range roles {
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
