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
	for line := range bytes.Lines(text) {
		key, rest, _ := bytes.Cut(line, []byte(":"))
		var into *uint64
		switch string(key) {
		case "MemTotal":
			into = &m.Total
		case "MemFree":
			into = &m.Free
		case "MemAvailable":
			into = &m.Available
		case "Buffers":
			into = &m.Buffers
		case "Cached":
			into = &m.Cached
		case "Shmem":
			into = &m.Shared
		case "Dirty":
			into = &m.Dirty
		case "SwapTotal":
			into = &m.SwapTotal
		case "SwapFree":
			into = &m.SwapFree
		default:
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
