// Package report prints the figures of a measurement as a table, as JSON or as CSV, with the machine they were measured on.
package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/shmbus/shmbus/cmd/internal/cli"
	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/measure"
)

// A Field is one figure or fact. The end of the key gives the unit: _s, _ns, _bytes or _per_s.
type Field struct {
	Key   string
	Value any // string, bool, int, int64, uint64, float64, or nil for unknown
}

// Figures are what every workload reports. Nil is unknown or does not apply.
type Figures struct {
	Workload       string
	Size           any
	Wait           any
	Count          any
	Lost           any
	Delays         *measure.Percentiles
	MessagesPerS   any
	BytesPerS      any
	AllocsPerMsg   any
	SyscallsPerMsg any
	CPU            any // seconds of all processes of the measurement except the one that started them
	More           []Field
}

// A Report is the figures and the machine they were measured on, in the order in which they are printed.
type Report []Field

// New makes a report.
func New(f Figures, m measure.Machine) Report {
	delay := func(of func(*measure.Percentiles) int64) any {
		if f.Delays == nil {
			return nil
		}
		return of(f.Delays)
	}
	r := Report{
		{"workload", f.Workload}, {"size", f.Size}, {"wait", f.Wait}, {"count", f.Count}, {"lost", f.Lost},
		{"p50_ns", delay(func(p *measure.Percentiles) int64 { return p.P50 })},
		{"p90_ns", delay(func(p *measure.Percentiles) int64 { return p.P90 })},
		{"p99_ns", delay(func(p *measure.Percentiles) int64 { return p.P99 })},
		{"p999_ns", delay(func(p *measure.Percentiles) int64 { return p.P999 })},
		{"max_ns", delay(func(p *measure.Percentiles) int64 { return p.Max })},
		{"msgs_per_s", f.MessagesPerS}, {"bytes_per_s", f.BytesPerS},
		{"allocs_per_msg", f.AllocsPerMsg}, {"syscalls_per_msg", f.SyscallsPerMsg}, {"cpu_s", f.CPU},
	}
	r = append(r, f.More...)
	return append(r, Field{"kernel", known(m.Kernel)}, Field{"cpus", m.CPUs}, Field{"cpu_model", known(m.Model)},
		Field{"gomaxprocs", m.Procs}, Field{"go_version", m.Go})
}

func known(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// MarshalJSON makes one object of the report, with the keys in the order of the report.
func (r Report) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	for i, f := range r {
		value, err := json.Marshal(f.Value)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&b, "%c%q:%s", "{,"[min(i, 1)], f.Key, value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// CSV writes the report as a line of keys and a line of values.
func (r Report) CSV(w io.Writer) error {
	out := csv.NewWriter(w)
	keys, values := make([]string, len(r)), make([]string, len(r))
	for i, f := range r {
		keys[i] = f.Key
		if f.Value != nil {
			values[i] = fmt.Sprint(f.Value)
		}
	}
	return out.WriteAll([][]string{keys, values})
}

// Print writes the report as a table.
func (r Report) Print(w io.Writer) error {
	g := cli.NewGrid("FIGURE", ">VALUE")
	for _, f := range r {
		g.Add(label(f.Key), shown(f))
	}
	return g.Print(w)
}

// label is a key without its unit.
func label(key string) string {
	for _, unit := range []string{"_per_s", "_ns", "_bytes", "_s"} {
		if name, ok := strings.CutSuffix(key, unit); ok {
			key = name
			if unit == "_per_s" {
				key += "/s"
			}
			break
		}
	}
	return strings.NewReplacer("_per_", "/", "_", " ", "p999", "p99.9").Replace(key)
}

// shown is a value with its unit.
func shown(f Field) string {
	switch v := f.Value.(type) {
	case nil:
		return "-"
	case int64:
		if strings.HasSuffix(f.Key, "_ns") {
			return text.Duration(v)
		}
	case uint64:
		if strings.HasSuffix(f.Key, "_bytes") {
			return text.Bytes(v)
		}
	case float64:
		switch {
		case strings.HasSuffix(f.Key, "_ns"):
			return text.Duration(int64(v))
		case f.Key == "bytes_per_s" || strings.HasSuffix(f.Key, "_bytes_per_s"):
			return text.Bandwidth(v)
		case strings.HasSuffix(f.Key, "_per_s"):
			return text.Rate(v)
		case strings.HasSuffix(f.Key, "_s"):
			return fmt.Sprintf("%.3f s", v)
		}
		return fmt.Sprintf("%.4g", v)
	}
	return fmt.Sprint(f.Value)
}
