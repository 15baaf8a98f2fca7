// Package figures has the result of one run of a runner: numbers by name, with the same names for all runners.
package figures

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// The names are those of shmperf's JSON. The end _ns is nanoseconds, _per_s is per second.
const (
	P50     = "p50_ns"
	P99     = "p99_ns"
	Total   = "total_p50_ns"
	Publish = "publish_p50_ns"
	Msgs    = "msgs_per_s"
	Bytes   = "bytes_per_s"
	Reads   = "reads_per_s"
	Updates = "updates_per_s"
	CPU     = "receiver_cpu_ns_per_msg" // of the receiving process

	// Undisturbed is the share of the time in which both processes of a probe had a processor.
	Undisturbed = "undisturbed"

	// One goroutine, per call.
	OnePublish = "publish_ns"
	OneEmpty   = "try_receive_empty_ns"
	OnePair    = "publish_try_receive_release_ns"
	OneLatest  = "latest_unchanged_ns"
)

// Figures are numbers by name. A figure that was not measured is absent.
type Figures map[string]float64

// Parse reads a JSON object and keeps the numbers.
func Parse(text []byte) (Figures, error) {
	var all map[string]any
	if err := json.Unmarshal(bytes.TrimSpace(text), &all); err != nil {
		return nil, fmt.Errorf("read figures from %q: %w", start(text), err)
	}
	f := Figures{}
	for name, value := range all {
		if v, ok := value.(float64); ok {
			f[name] = v
		}
	}
	return f, nil
}

func start(text []byte) string { return strings.ToValidUTF8(string(text[:min(len(text), 80)]), "?") }

// Show writes a figure with a unit.
func Show(name string, v float64) string {
	switch {
	case strings.HasSuffix(name, "_ns") || name == CPU:
		return scaled(v, " ns", " us", " ms", " s")
	case name == Bytes:
		return scaled(v, " B/s", " kB/s", " MB/s", " GB/s")
	case strings.HasSuffix(name, "_per_s"):
		return scaled(v, "/s", " k/s", " M/s", " G/s")
	}
	return fmt.Sprintf("%.3g", v)
}

func scaled(v float64, units ...string) string {
	for ; len(units) > 1 && v >= 999.5; units = units[1:] {
		v /= 1000
	}
	switch {
	case v >= 99.95:
		return fmt.Sprintf("%.0f%s", v, units[0])
	case v >= 9.995:
		return fmt.Sprintf("%.1f%s", v, units[0])
	}
	return fmt.Sprintf("%.2f%s", v, units[0])
}
