package proc

import (
	"bytes"
	"fmt"
)

// Stall is the share of time that tasks waited for a resource.
type Stall struct {
	Avg10, Avg60, Avg300 float64 // per cent, over so many seconds
	Total                uint64  // microseconds since boot
}

// Pressure tells how short a resource is.
type Pressure struct {
	Some Stall // at least one task waited
	Full Stall // every task waited; zero where the kernel does not tell
}

// PressureOf reads /proc/pressure/RESOURCE: cpu, memory or io.
func (r Root) PressureOf(resource string) (Pressure, error) {
	return read(r, "proc/pressure/"+resource, ParsePressure)
}

// ParsePressure parses the text of a file in /proc/pressure.
func ParsePressure(text []byte) (p Pressure, err error) {
	found := false
	for line := range bytes.Lines(text) {
		key, rest, _ := bytes.Cut(line, []byte(" "))
		switch string(key) {
		case "some":
			found = true
			p.Some, err = parseStall(rest)
		case "full":
			p.Full, err = parseStall(rest)
		}
		if err != nil {
			return Pressure{}, err
		}
	}
	if !found {
		return Pressure{}, fmt.Errorf("%w: no line \"some\"", ErrFormat)
	}
	return p, nil
}

func parseStall(text []byte) (s Stall, err error) {
	for field := range bytes.FieldsSeq(text) {
		key, value, _ := bytes.Cut(field, []byte("="))
		switch string(key) {
		case "avg10":
			s.Avg10, err = float(value)
		case "avg60":
			s.Avg60, err = float(value)
		case "avg300":
			s.Avg300, err = float(value)
		case "total":
			err = numbers([][]byte{value}, 1, &s.Total)
		}
		if err != nil {
			return Stall{}, err
		}
	}
	return s, nil
}
