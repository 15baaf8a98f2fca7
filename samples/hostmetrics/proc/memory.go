package proc

import (
	"bytes"
	"fmt"
	"math"
)

// Memory is how the machine's memory is used, in bytes. A figure that the kernel does not report is zero.
type Memory struct {
	Total, Free, Available, Buffers, Cached, Shared, Dirty, SwapTotal, SwapFree uint64
}

// Memory reads /proc/meminfo.
func (r Root) Memory() (Memory, error) { return read(r, "proc/meminfo", ParseMemory) }

// ParseMemory parses the text of /proc/meminfo.
func ParseMemory(text []byte) (m Memory, err error) {
	fields := map[string]*uint64{
		"MemTotal": &m.Total, "MemFree": &m.Free, "MemAvailable": &m.Available, "Buffers": &m.Buffers, "Cached": &m.Cached,
		"Shmem": &m.Shared, "Dirty": &m.Dirty, "SwapTotal": &m.SwapTotal, "SwapFree": &m.SwapFree,
	}
	for line := range bytes.Lines(text) {
		key, rest, _ := bytes.Cut(line, []byte(":"))
		into := fields[string(key)]
		if into == nil {
			continue
		}
		if err := numbers(bytes.Fields(rest), 1, into); err != nil {
			return Memory{}, fmt.Errorf("%s: %w", key, err)
		}
		if *into > math.MaxUint64/1024 {
			return Memory{}, fmt.Errorf("%s: %w: %d kB", key, ErrFormat, *into)
		}
		*into *= 1024
	}
	if m.Total == 0 {
		return Memory{}, fmt.Errorf("%w: no MemTotal", ErrFormat)
	}
	return m, nil
}
