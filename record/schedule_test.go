package record

import (
	"math"
	"testing"
	"time"
)

func TestSchedule(t *testing.T) {
	year := 365 * 24 * time.Hour
	for name, c := range map[string]struct {
		times []time.Duration // of the messages played
		span  time.Duration   // of the recording; 0 = that of the messages
		o     PlayOptions
		due   []time.Duration
		end   time.Duration
	}{
		"as recorded":              {[]time.Duration{5, time.Second + 5}, 0, PlayOptions{}, []time.Duration{0, time.Second}, time.Second},
		"twice as fast":            {[]time.Duration{0, time.Second}, 0, PlayOptions{Rate: 2}, []time.Duration{0, time.Second / 2}, time.Second / 2},
		"one message":              {[]time.Duration{7}, 0, PlayOptions{}, []time.Duration{0}, time.Second},
		"one moment":               {[]time.Duration{7, 7, 8}, 0, PlayOptions{}, []time.Duration{0, 0, 1}, time.Second},
		"one message at rate 4":    {[]time.Duration{7}, 0, PlayOptions{Rate: 4}, []time.Duration{0}, time.Second / 4},
		"one message of 40 s":      {[]time.Duration{time.Second}, 40 * time.Second, PlayOptions{}, []time.Duration{0}, 40 * time.Second},
		"a gap as recorded":        {[]time.Duration{0, 53 * year, 53*year + 1}, 0, PlayOptions{}, []time.Duration{0, 53 * year, 53*year + 1}, 53*year + 1},
		"a gap that is cut":        {[]time.Duration{0, 53 * year, 53*year + 1}, 0, PlayOptions{MaxGap: time.Second}, []time.Duration{0, time.Second, time.Second + 1}, time.Second + 1},
		"a gap behind the end cut": {[]time.Duration{0, time.Second}, time.Hour, PlayOptions{MaxGap: time.Minute}, []time.Duration{0, time.Second}, time.Minute + time.Second},
		"cut at rate 2":            {[]time.Duration{0, time.Hour}, 0, PlayOptions{MaxGap: time.Minute, Rate: 2}, []time.Duration{0, time.Minute / 2}, time.Minute / 2},
	} {
		o, err := c.o.checked()
		if err != nil {
			t.Fatal(err)
		}
		first, last := uint64(c.times[0]), uint64(c.times[len(c.times)-1])
		s := newSchedule(first, &o)
		near := func(got, want time.Duration) bool { return got-want < time.Microsecond && want-got < time.Microsecond }
		for i, at := range c.times {
			if got := s.due(uint64(at)); !near(got, c.due[i]) {
				t.Errorf("%s: message %d is due at %v, want %v", name, i, got, c.due[i])
			}
		}
		if got := s.end(max(uint64(c.span), last-first) - (last - first)); !near(got, c.end) {
			t.Errorf("%s: the pass ends at %v, want %v", name, got, c.end)
		}
	}
	s := newSchedule(0, &PlayOptions{Rate: 1e-9})
	if due, end := s.due(math.MaxUint64), s.end(0); due <= 0 || end < due {
		t.Errorf("the end of time is due at %v, %v", due, end)
	}
}
