package rate

import (
	"testing"
	"time"
)

// observe has an estimator read a traffic each tenth of a second from a time on, for the window.
func observe(tr traffic, from int64, window time.Duration) *Estimator {
	e := &Estimator{Window: window}
	for now := from; now <= from+int64(window); now += second / 10 {
		e.Add(tr.read(now))
	}
	return e
}

// A fast publisher that is silent since before the first reading has the rate 0 when a window was seen, not the average of its life.
func TestEstimator_SilentSinceBeforeTheFirstReading(t *testing.T) {
	for _, hz := range []float64{200, 1000, 1e6} {
		tr := traffic{{2 * second, int64(hz * 8), periodOf(hz)}}
		for _, silence := range []int64{ms, second / 5, second * 6 / 5, 4 * second} {
			e := observe(tr, tr[0].last()+silence, time.Second)
			if m, b := e.Rate(); m != 0 || b != 0 || !e.Measured() {
				t.Errorf("%v Hz, silent for %v before the first reading: %v msg/s, measured %t", hz, time.Duration(silence), m, e.Measured())
			}
		}
	}
}

// A silence that is usual by the life of a publisher is none.
func TestEstimator_SlowOrInBurstsIsNotSilent(t *testing.T) {
	for name, c := range map[string]struct {
		traffic traffic
		hz      float64
	}{
		"a message each 10 s":       {repeat(2*second, 400*second, 10*second, 1, 1), 0.1},
		"a message each 1.5 s":      {repeat(2*second, 400*second, 3*second/2, 1, 1), 1 / 1.5},
		"a burst of 50 each 3 s":    {repeat(2*second, 400*second, 3*second, 50, 20_000), 50.0 / 3},
		"a burst of 90 each 4.5 s":  {repeat(2*second, 400*second, 9*second/2, 90, 20_000), 20},
		"a batch of 16 each second": {repeat(2*second, 400*second, second, 16, 1), 16},
	} {
		for from := 300 * second; from < 310*second; from += second / 4 {
			e := observe(c.traffic, from, time.Second)
			if m, _ := e.Rate(); !near(m, c.hz, 0.1) && !e.Measured() || m == 0 {
				t.Errorf("%s, seen from %v on: %v msg/s, measured %t", name, time.Duration(from), m, e.Measured())
			}
		}
	}
}

// Where a message is late, it is due when it comes or the silence shows.
func TestDue_LateMessage(t *testing.T) {
	for _, hz := range []float64{1, 10, 50, 100, 1000} {
		tr := traffic{{2 * second, int64(hz * 100), periodOf(hz)}}
		var e Estimator
		e.Window = time.Second
		e.Add(tr.read(tr[0].last() + 2*periodOf(hz)))
		due := e.Due()
		if due <= e.at || due > tr[0].last()+5*second+1 {
			t.Errorf("%v Hz: due %v after the newest message", hz, time.Duration(due-tr[0].last()))
		}
		e.Add(tr.read(due))
		if m, _ := e.Rate(); m != 0 || !e.Measured() && !e.Stopped() || e.Due() != 0 {
			t.Errorf("%v Hz: %v msg/s when due, measured %t, stopped %t, due %d again", hz, m, e.Measured(), e.Stopped(), e.Due())
		}
	}
}
