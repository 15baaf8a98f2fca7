package proc

import (
	"bytes"
	"fmt"
)

// Traffic is what went through a network interface in one direction since it came up.
type Traffic struct {
	Bytes, Packets, Errors, Dropped uint64
}

// Interface is one network interface.
type Interface struct {
	Name           string
	Received, Sent Traffic
}

// Interfaces reads /proc/net/dev.
func (r Root) Interfaces() ([]Interface, error) { return read(r, "proc/net/dev", ParseInterfaces) }

// ParseInterfaces parses the text of /proc/net/dev.
func ParseInterfaces(text []byte) ([]Interface, error) {
	var all []Interface
	row := 0
	for line := range bytes.Lines(text) {
		if row++; row <= 2 || len(bytes.TrimSpace(line)) == 0 {
			continue // two lines of headings
		}
		// The last colon, because the name of an alias has one of its own.
		colon := bytes.LastIndexByte(line, ':')
		if colon < 0 {
			return nil, fmt.Errorf("%w: line %d has no colon", ErrFormat, row)
		}
		i := Interface{Name: name(line[:colon])}
		var other uint64
		err := numbers(bytes.Fields(line[colon+1:]), 16,
			&i.Received.Bytes, &i.Received.Packets, &i.Received.Errors, &i.Received.Dropped, &other, &other, &other, &other,
			&i.Sent.Bytes, &i.Sent.Packets, &i.Sent.Errors, &i.Sent.Dropped)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", i.Name, err)
		}
		if i.Name != "" && len(all) < maxDevices {
			all = append(all, i)
		}
	}
	return all, nil
}
