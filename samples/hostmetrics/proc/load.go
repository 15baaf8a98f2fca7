package proc

import (
	"bytes"
	"fmt"
)

// Load is the average number of tasks that ran or wanted to.
type Load struct {
	One, Five, Fifteen float64 // over so many minutes
}

// Load reads /proc/loadavg.
func (r Root) Load() (Load, error) { return read(r, "proc/loadavg", ParseLoad) }

// ParseLoad parses the text of /proc/loadavg.
func ParseLoad(text []byte) (l Load, err error) {
	fields := bytes.Fields(text)
	if len(fields) < 3 {
		return Load{}, fmt.Errorf("%w: %d fields, at least 3 expected", ErrFormat, len(fields))
	}
	for i, p := range []*float64{&l.One, &l.Five, &l.Fifteen} {
		if *p, err = float(fields[i]); err != nil {
			return Load{}, err
		}
	}
	return l, nil
}

// Uptime is how long the machine has been running.
type Uptime struct {
	Up   float64 // seconds since boot
	Idle float64 // seconds that its CPUs were idle, all of them together
}

// Uptime reads /proc/uptime.
func (r Root) Uptime() (Uptime, error) { return read(r, "proc/uptime", ParseUptime) }

// ParseUptime parses the text of /proc/uptime.
func ParseUptime(text []byte) (u Uptime, err error) {
	fields := bytes.Fields(text)
	if len(fields) < 2 {
		return Uptime{}, fmt.Errorf("%w: %d fields, 2 expected", ErrFormat, len(fields))
	}
	if u.Up, err = float(fields[0]); err != nil {
		return Uptime{}, err
	}
	if u.Idle, err = float(fields[1]); err != nil {
		return Uptime{}, err
	}
	return u, nil
}
