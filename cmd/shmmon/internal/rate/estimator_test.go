package rate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// A publisher publishes one message each period from begin+phase on.
type publisher struct {
	begin, phase, period int64
	size                 uint64
}

func (p publisher) at(now int64) Figures {
	f := Figures{At: now, Since: p.begin}
	if now >= p.begin+p.phase {
		n := (now-p.begin-p.phase)/p.period + 1
		f.Messages, f.Bytes, f.Last = uint64(n), uint64(n)*p.size, p.begin+p.phase+(n-1)*p.period
	}
	return f
}

const second = int64(time.Second)

func periodOf(hz float64) int64 { return int64(float64(second) / hz) }

func near(got, want, share float64) bool { return math.Abs(got-want) <= want*share }

func TestEstimator_EveryReadingHasTheTrueRate(t *testing.T) {
	for _, hz := range []float64{0.2, 0.5, 0.9, 1, 1.1, 3, 10, 100, 1234, 10_000, 2_000_000} {
		for seed := range uint64(20) {
			r := rand.New(rand.NewPCG(seed, 1))
			period := periodOf(hz)
			p := publisher{begin: 1000 * second, phase: r.Int64N(period), period: period, size: 100}
			var e Estimator
			now := p.begin + r.Int64N(3*second)
			first := now
			for range 60 {
				e.Add(p.at(now))
				if !e.Measured() && now > first+2*period+5*second {
					t.Fatalf("%v Hz: nothing measured in %v", hz, time.Duration(now-first))
				}
				// Before a whole window was seen, the first messages of a life are no rate yet.
				if m, b := e.Rate(); now > first+2*period+5*second && (!near(m, hz, 0.05) || !near(b, hz*100, 0.05)) {
					t.Fatalf("%v Hz reads %.3f Hz and %.1f B/s, %v after the start (seed %d)", hz, m, b, time.Duration(now-p.begin), seed)
				}
				// The observer's own timer is off by up to a fifth.
				now += second*4/5 + r.Int64N(second*2/5)
			}
		}
	}
}

func TestEstimator_ShortObservation(t *testing.T) {
	for _, hz := range []float64{2, 10, 1000, 10_000} {
		p := publisher{begin: 7 * second, period: periodOf(hz), size: 1}
		e := Estimator{Window: time.Second}
		for i := range int64(11) {
			e.Add(p.at(100*second + i*second/10))
		}
		if m, _ := e.Rate(); !near(m, hz, 0.05) || !e.Measured() {
			t.Errorf("%v Hz reads %v after one second, measured %t", hz, m, e.Measured())
		}
	}
}

func TestEstimator_FirstReadingIsAverage(t *testing.T) {
	for _, phase := range []int64{0, 10 * second} {
		p := publisher{begin: second, phase: phase, period: 10 * second, size: 8}
		var e Estimator
		e.Add(p.at(125 * second))
		if m, _ := e.Rate(); !near(m, 0.1, 0.05) || e.Measured() {
			t.Errorf("0.1 Hz reads %v", m)
		}
	}
}

func TestOneMessageIsNoRate(t *testing.T) {
	var e Estimator
	for i := range int64(10) {
		e.Add(Figures{At: (i + 1) * second, Since: second / 2, Messages: 1, Bytes: 9, Last: second/2 + 1})
		if m, b := e.Rate(); m != 0 || b != 0 {
			t.Fatalf("one message reads %v Hz", m)
		}
	}
}

func TestASlowTopicDoesNotFlip(t *testing.T) {
	p := publisher{begin: second, phase: 5 * second, period: 5 * second, size: 1}
	var e Estimator
	for now := 2 * second; now < 200*second; now += second {
		e.Add(p.at(now))
		if m, _ := e.Rate(); now > 12*second && !near(m, 0.2, 0.01) {
			t.Fatalf("0.2 Hz reads %v at %v", m, time.Duration(now))
		}
	}
}

func TestTheRateOfAStoppedPublisherFadesToZero(t *testing.T) {
	for _, hz := range []float64{0.2, 1, 1000} {
		p := publisher{begin: second, period: periodOf(hz), size: 1}
		var e Estimator
		now := 2 * second
		for ; now < 60*second; now += second {
			e.Add(p.at(now))
		}
		f, before := p.at(now), math.Inf(1)
		stop := now
		for ; !e.Stopped(); now += second {
			f.At = now
			e.Add(f)
			m, _ := e.Rate()
			if m > before {
				t.Fatalf("%v Hz: the rate rises from %v to %v in silence", hz, before, m)
			}
			if before = m; now-stop > 120*second {
				t.Fatalf("%v Hz: still %v two minutes after the end", hz, m)
			}
		}
		if m, _ := e.Rate(); m != 0 {
			t.Fatalf("%v Hz: stopped and %v", hz, m)
		}
		if now-stop < 3*max(periodOf(hz), second) {
			t.Fatalf("%v Hz: given up after only %v", hz, time.Duration(now-stop))
		}
	}
}

func TestARateChangeShowsWithinSeconds(t *testing.T) {
	var e Estimator
	fast, slow := periodOf(100), periodOf(5)
	n, last := uint64(0), second
	for now := 2 * second; now < 40*second; now += second {
		period := fast
		if now > 20*second {
			period = slow
		}
		for last+period <= now {
			last += period
			n++
		}
		e.Add(Figures{At: now, Since: second, Messages: n, Bytes: n, Last: last})
		if m, _ := e.Rate(); now > 26*second && !near(m, 5, 0.05) {
			t.Fatalf("%v after the change the rate reads %v", time.Duration(now-20*second), m)
		}
	}
}

func TestCountersThatGoBackStartAnew(t *testing.T) {
	first := publisher{begin: second, period: periodOf(50), size: 10}
	again := publisher{begin: 30*second + second/2, period: periodOf(20), size: 10}
	var e Estimator
	for now := 2 * second; now < 60*second; now += second {
		p, want := first, 50.0
		if now > again.begin {
			p, want = again, 20.0
		}
		e.Add(p.at(now))
		m, b := e.Rate()
		if m < 0 || b < 0 || m > 60 {
			t.Fatalf("a restart reads %v Hz, %v B/s", m, b)
		}
		// A life shorter than the window counts as much of it as was without messages.
		if whole := max(p.begin, 2*second) + 4*second; now > whole && !near(m, want, 0.05) || m > want*1.05 && now != 31*second {
			t.Fatalf("%v Hz reads %v at %v", want, m, time.Duration(now))
		}
	}
}

func TestNonsenseGivesAFiniteRate(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 2))
		var e Estimator
		now := second
		odd := func() int64 {
			switch r.IntN(5) {
			case 0:
				return math.MinInt64
			case 1:
				return math.MaxInt64
			case 2:
				return 0
			case 3:
				return -1
			}
			return r.Int64()
		}
		for range 200 {
			now += r.Int64N(3 * second)
			e.Add(Figures{At: now, Since: odd(), Messages: uint64(odd()), Bytes: uint64(odd()), Last: odd()})
			m, b := e.Rate()
			for _, v := range []float64{m, b} {
				if math.IsNaN(v) || math.IsInf(v, 0) || v < 0 {
					t.Fatalf("seed %d: rate %v, %v", seed, m, b)
				}
			}
			e.Due()
			e.Stopped()
		}
	}
}

func TestDue_Wait(t *testing.T) {
	for _, c := range []struct {
		hz   float64
		want int64
	}{{1, second}, {0.3, 3 * second}} {
		t.Run(fmt.Sprint(c.hz), func(t *testing.T) {
			p := publisher{begin: second, period: periodOf(c.hz), size: 1}
			now := 100*second + second/7
			f := p.at(now)
			var e Estimator
			e.Add(f)
			if due := e.Due(); due < f.Last+c.want || due > f.Last+2*c.want {
				t.Fatalf("due %v after the newest message, period %v", time.Duration(due-f.Last), time.Duration(p.period))
			}
		})
	}
}
