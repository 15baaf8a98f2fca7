package watch

import (
	"testing"
	"time"

	"github.com/shmbus/shmbus/registry"
)

// The time of a snapshot is that of its counters, also where the process does not run for a while between reading both, however often.
func TestTimed_ProcessThatDoesNotRun(t *testing.T) {
	const ms = int64(time.Millisecond)
	id := registry.EndpointID{Participant: 1, Number: 1}
	for name, c := range map[string]struct {
		delays []int64 // between the counters and the time, of each reading
		read   int     // how often it reads
		late   int64   // the delay of the reading that is used
	}{
		"promptly":        {[]int64{ms}, 1, ms},
		"once late":       {[]int64{590 * ms, ms}, 2, ms},
		"twice late":      {[]int64{590 * ms, 90 * ms, ms}, 3, ms},
		"always late":     {[]int64{590 * ms, 90 * ms, 200 * ms}, 3, 90 * ms},
		"late in the end": {[]int64{8 * ms, 9 * ms, 900 * ms}, 3, 8 * ms},
	} {
		now, n := 9*second, 0
		s, at := timed(func() registry.Stats {
			s := newStats()
			s.Publishers[id] = registry.PublisherStats{Messages: uint64(now / ms)} // of 1 kHz
			now += c.delays[n]
			n++
			return s
		}, func() int64 { return now })
		if late := at - int64(s.Publishers[id].Messages)*ms; n != c.read || late != c.late {
			t.Errorf("%s: read %d times, %v between counters and time", name, n, time.Duration(late))
		}
	}
}
