package measure

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

// Syscalls are system calls of one process per message.
type Syscalls struct {
	All   float64
	Futex float64
}

// shorter is how many times shorter one pass is than the other.
const shorter = 10

// CountSyscalls counts the system calls per message of some roles with strace. It calls run with a number of messages to measure and a
// function that returns the program, with its arguments, to start the process of a role under.
//
// A process cannot count its own system calls, and strace slows each of them down. They are therefore counted apart from what is timed,
// in two passes of different lengths. The difference of the passes leaves out the start and the end of the processes.
func CountSyscalls(long uint64, roles []string, run func(n uint64, wrap func(role string) []string) error) (_ map[string]Syscalls, err error) {
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
	var passes [2]map[string]syscallCounts
	for i, n := range []uint64{long / shorter, long} {
		if err := run(n, wrap); err != nil {
			return nil, err
		}
		if passes[i], err = readCounts(file, roles); err != nil {
			return nil, err
		}
	}
	per := func(short, more int64) float64 { return max(0, float64(more-short)/float64(long-long/shorter)) }
	calls := map[string]Syscalls{}
	for _, role := range roles {
		a, b := passes[0][role], passes[1][role]
		calls[role] = Syscalls{All: per(a["total"], b["total"]), Futex: per(a.futex(), b.futex())}
	}
	return calls, nil
}

// syscallCounts are the numbers of calls by the name of the system call.
type syscallCounts map[string]int64

func (t syscallCounts) futex() int64 { return t["futex"] + t["futex_waitv"] }

func readCounts(file func(role string) string, roles []string) (map[string]syscallCounts, error) {
	all := map[string]syscallCounts{}
	for _, role := range roles {
		text, err := os.ReadFile(file(role))
		if err != nil {
			return nil, fmt.Errorf("read what strace says: %w", err)
		}
		if all[role], err = parseStrace(string(text)); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// parseStrace reads the table that strace prints: a count and a name in each line, with "total" as the last name.
func parseStrace(table string) (syscallCounts, error) {
	t := syscallCounts{}
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
