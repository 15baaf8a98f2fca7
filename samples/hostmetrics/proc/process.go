package proc

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strconv"
)

// TicksPerSecond is the unit of CPU times in /proc: the same on every machine that Go runs on.
const TicksPerSecond = 100

// Process is one process.
type Process struct {
	PID       int
	Name      string
	State     string // R running, S sleeping, D waiting for a disk, Z ended, ...
	Threads   uint64
	Ticks     uint64 // CPU time used since it started
	StartTime uint64 // ticks after boot; with the PID it names a process for good
	Pages     uint64 // of memory, resident
}

// Processes reads /proc/PID/stat of every process and returns them by PID. One that cannot be read, mostly because it ended
// meanwhile, is left out.
func (r Root) Processes() ([]Process, error) {
	dir, err := r.tree.Open("proc")
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	list, ok := dir.(fs.ReadDirFile)
	if !ok {
		return nil, fmt.Errorf("list proc: %w: not a directory", ErrFormat)
	}
	var all []Process
	for len(all) < maxProcesses {
		entries, err := list.ReadDir(256)
		for _, e := range entries {
			if _, err := strconv.ParseUint(e.Name(), 10, 31); err != nil {
				continue
			}
			if p, err := read(r, "proc/"+e.Name()+"/stat", ParseProcess); err == nil && len(all) < maxProcesses {
				all = append(all, p)
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("list proc: %w", err)
		}
	}
	slices.SortFunc(all, func(a, b Process) int { return a.PID - b.PID })
	return all, nil
}

// ParseProcess parses the text of /proc/PID/stat.
func ParseProcess(text []byte) (p Process, err error) {
	// The name stands in parentheses and may itself hold spaces and parentheses.
	open, end := bytes.IndexByte(text, '('), bytes.LastIndexByte(text, ')')
	if open < 0 || end < open {
		return Process{}, fmt.Errorf("%w: no name in parentheses", ErrFormat)
	}
	if p.PID, err = strconv.Atoi(string(bytes.TrimSpace(text[:open]))); err != nil || p.PID < 1 {
		return Process{}, fmt.Errorf("%w: %.20q is not a process number", ErrFormat, text[:open])
	}
	p.Name = name(text[open+1 : end])
	fields := bytes.Fields(text[end+1:]) // from the third field of proc(5) on
	const state, utime, stime, threads, start, rss = 0, 14 - 3, 15 - 3, 20 - 3, 22 - 3, 24 - 3
	if len(fields) <= rss {
		return Process{}, fmt.Errorf("%w: %d fields after the name, at least %d expected", ErrFormat, len(fields), rss+1)
	}
	p.State = name(fields[state])
	var user, system uint64
	err = numbers([][]byte{fields[utime], fields[stime], fields[threads], fields[start], fields[rss]}, 5,
		&user, &system, &p.Threads, &p.StartTime, &p.Pages)
	p.Ticks = user + system
	if err != nil {
		return Process{}, err
	}
	return p, nil
}
