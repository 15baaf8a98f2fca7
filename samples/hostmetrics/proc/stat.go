package proc

import (
	"bytes"
	"fmt"
	"strconv"
)

// Times is what a CPU did since boot, in ticks of a hundredth of a second.
type Times struct {
	User, Nice, System, Idle, IOWait, IRQ, SoftIRQ, Steal uint64
}

// Total is the sum of all.
func (t Times) Total() uint64 {
	return t.User + t.Nice + t.System + t.Idle + t.IOWait + t.IRQ + t.SoftIRQ + t.Steal
}

// Since is what the CPU did between an earlier reading and t. A figure that the kernel took back counts as zero: the
// time waiting for disks is known to do that.
func (t Times) Since(earlier Times) Times {
	return Times{
		User: since(t.User, earlier.User), Nice: since(t.Nice, earlier.Nice), System: since(t.System, earlier.System),
		Idle: since(t.Idle, earlier.Idle), IOWait: since(t.IOWait, earlier.IOWait), IRQ: since(t.IRQ, earlier.IRQ),
		SoftIRQ: since(t.SoftIRQ, earlier.SoftIRQ), Steal: since(t.Steal, earlier.Steal),
	}
}

func since(now, earlier uint64) uint64 { return max(now, earlier) - earlier }

// CPU is one CPU and what it did.
type CPU struct {
	Number int
	Times
}

// Stat holds the kernel's activity since boot.
type Stat struct {
	Total           Times // of all CPUs together
	CPUs            []CPU // those online, by number
	Interrupts      uint64
	ContextSwitches uint64
	Forks           uint64
	BootTime        uint64 // seconds since 1970
	Running         uint64 // tasks, now
	Blocked         uint64 // tasks waiting for disks, now
}

// Stat reads /proc/stat.
func (r Root) Stat() (Stat, error) { return read(r, "proc/stat", ParseStat) }

// ParseStat parses the text of /proc/stat.
func ParseStat(text []byte) (s Stat, err error) {
	found := false
	for line := range bytes.Lines(text) {
		key, rest, _ := bytes.Cut(bytes.TrimSpace(line), []byte(" "))
		switch string(key) {
		case "intr":
			// The total comes first; thousands of single interrupts may follow.
			first, _, _ := bytes.Cut(rest, []byte(" "))
			err = numbers([][]byte{first}, 1, &s.Interrupts)
		case "ctxt":
			err = numbers(bytes.Fields(rest), 1, &s.ContextSwitches)
		case "processes":
			err = numbers(bytes.Fields(rest), 1, &s.Forks)
		case "btime":
			err = numbers(bytes.Fields(rest), 1, &s.BootTime)
		case "procs_running":
			err = numbers(bytes.Fields(rest), 1, &s.Running)
		case "procs_blocked":
			err = numbers(bytes.Fields(rest), 1, &s.Blocked)
		case "cpu":
			found = true
			s.Total, err = parseTimes(rest)
		default:
			digits, ok := bytes.CutPrefix(key, []byte("cpu"))
			if !ok || len(s.CPUs) == maxCPUs {
				continue
			}
			var c CPU
			if c.Number, err = strconv.Atoi(string(digits)); err != nil || c.Number < 0 {
				return Stat{}, fmt.Errorf("%w: a CPU called %.20q", ErrFormat, key)
			}
			c.Times, err = parseTimes(rest)
			s.CPUs = append(s.CPUs, c)
		}
		if err != nil {
			return Stat{}, fmt.Errorf("%.20s: %w", key, err)
		}
	}
	if !found {
		return Stat{}, fmt.Errorf("%w: no line for the CPUs", ErrFormat)
	}
	return s, nil
}

// parseTimes accepts four figures, which every kernel has, or more.
func parseTimes(text []byte) (t Times, err error) {
	err = numbers(bytes.Fields(text), 4, &t.User, &t.Nice, &t.System, &t.Idle, &t.IOWait, &t.IRQ, &t.SoftIRQ, &t.Steal)
	return t, err
}
