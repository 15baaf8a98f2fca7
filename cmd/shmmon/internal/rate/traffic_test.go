package rate

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

const ms = int64(time.Millisecond)

// A stretch publishes n messages, one each period, the first at from.
type stretch struct{ from, n, period int64 }

func (s stretch) last() int64 { return s.from + (s.n-1)*s.period }

// A traffic is what one publisher publishes: stretches in order of time.
type traffic []stretch

// count returns how many messages were published up to t, and the stamp of the newest.
func (tr traffic) count(t int64) (n, last int64) {
	for _, s := range tr {
		if t < s.from {
			break
		}
		k := min((t-s.from)/s.period+1, s.n)
		n, last = n+k, s.from+(k-1)*s.period
	}
	return n, last
}

func (tr traffic) read(t int64) Figures {
	n, last := tr.count(t)
	return Figures{At: t, Since: second, Messages: uint64(n), Bytes: uint64(10 * n), Last: last}
}

// most returns the most messages that any window of that length has.
func (tr traffic) most(window int64) (most int64) {
	for _, s := range tr {
		for _, end := range []int64{s.from, s.last(), s.from + window - 1, s.last() + window} {
			now, _ := tr.count(end)
			then, _ := tr.count(end - window)
			most = max(most, now-then)
		}
	}
	return most
}

func perSecond(n, in int64) float64 { return float64(n) * float64(second) / float64(in) }

// repeat returns stretches of n messages, the next one each period.
func repeat(from, until, period, n, spacing int64) (tr traffic) {
	for ; from < until; from += period {
		tr = append(tr, stretch{from, n, spacing})
	}
	return tr
}

const end = 200 * second

func traffics() map[string]traffic {
	all := map[string]traffic{
		"bursts of 50 each 3 s":             repeat(2*second, end, 3*second, 50, 20_000),
		"bursts of 50 each 10 s":            repeat(2*second, end, 10*second, 50, 20_000),
		"bursts of 3 each 5 s":              repeat(2*second, end, 5*second, 3, 20_000),
		"two bursts close to each other":    append(repeat(2*second, 9*second, 5*second, 50, 20_000), repeat(9*second, end, 5*second, 50, 20_000)...),
		"6 s of 100 Hz, 3 s of none":        repeat(2*second, end, 9*second, 600, 10*ms),
		"300 at once after 3 s of none":     {},
		"30 s of 100 Hz, 40 s of none":      repeat(2*second, end, 70*second, 3000, 10*ms),
		"1 MHz for 1 ms, then a long while": repeat(2*second, end, 60*second, 1000, 1000),
		"none for 50 s, then 100 Hz":        {{52 * second, 30_000, 10 * ms}},
		"1 kHz, then 0.2 Hz":                {{2 * second, 50_000, ms}, {55 * second, 60, 5 * second}},
	}
	for from := 2 * second; from < end; from += 9 * second {
		all["300 at once after 3 s of none"] = append(all["300 at once after 3 s of none"], stretch{from, 600, 10 * ms}, stretch{from + 9*second - 3*ms, 300, 9000})
	}
	for _, hz := range []float64{0.1, 0.2, 0.9, 3, 10, 1000, 1e6} {
		all[fmt.Sprint(hz, " Hz")] = traffic{{2 * second, int64(hz * 350), periodOf(hz)}}
	}
	return all
}

func TestEstimator_NoRateThatNoWindowHad(t *testing.T) {
	for name, tr := range traffics() {
		for _, window := range []int64{second, 3 * second, 30 * second} {
			for _, step := range []int64{window / 8, window / 3, second} {
				for seed := range uint64(1) {
					r := rand.New(rand.NewPCG(seed, 3))
					e := Estimator{Window: time.Duration(window)}
					for now := second + r.Int64N(20*second); now < end; now += step*4/5 + r.Int64N(step*2/5) {
						e.Add(tr.read(now))
						s := e.Span()
						m, b := e.Rate()
						if s.Length != 0 && int64(s.Length) < window || !near(b, 10*m, 1e-9) {
							t.Fatalf("%s: %d messages in %v, %.4g B/s", name, s.Messages, s.Length, b)
						}
						if most := tr.most(int64(s.Length)); int64(s.Messages) > most {
							t.Fatalf("%s, window %v, seed %d, %v: %d messages in %v, and no window has more than %d",
								name, time.Duration(window), seed, time.Duration(now), s.Messages, s.Length, most)
						}
						if most := perSecond(tr.most(window), window); e.Measured() && m > 1.25*most {
							t.Fatalf("%s, window %v, seed %d, %v: %.4g Hz, and no window has more than %.4g", name, time.Duration(window), seed, time.Duration(now), m, most)
						}
						if n, last := tr.count(now); m > 0 && e.Measured() && now-last > int64(e.Span().Length) {
							t.Fatalf("%s, %v: %.4g Hz after %v of silence, message %d", name, time.Duration(now), m, time.Duration(now-last), n)
						}
					}
				}
			}
		}
	}
}

func TestEstimator_RegularBursts(t *testing.T) {
	tr := repeat(2*second, end, 3*second, 50, 20_000)
	for _, window := range []int64{second, 3 * second, 20 * second} {
		for seed := range uint64(20) {
			r := rand.New(rand.NewPCG(seed, 4))
			e := Estimator{Window: time.Duration(window)}
			first := 20*second + r.Int64N(10*second)
			for now := first; now < end; now += second*4/5 + r.Int64N(second*2/5) {
				e.Add(tr.read(now))
				inside := (now-2*second)%(3*second) < 50*20_000
				share := 0.05
				if now < first+window+6*second {
					share = 0.2 // a burst more or less in the first window
				}
				if m, _ := e.Rate(); !near(m, 50.0/3, share) && !inside {
					t.Fatalf("window %v, seed %d: %.2f Hz at %v", time.Duration(window), seed, m, time.Duration(now))
				}
			}
		}
	}
}

// The rate of a stopped publisher that goes on follows the messages of the window, whether those it could not publish come at once
// or never.
func TestEstimator_StoppedPublisherGoesOn(t *testing.T) {
	for name, waiting := range map[string]int64{"left out": 1, "caught up": 3000} {
		tr := traffic{{2 * second, 2000, 10 * ms}, {52 * second, waiting, 1000}, {52*second + 10*ms, 10_000, 10 * ms}}
		var e Estimator
		for now := 3 * second; now < 100*second; now += second {
			e.Add(tr.read(now))
			m, _ := e.Rate()
			then, _ := tr.count(now - 3*second)
			n, _ := tr.count(now)
			if want := float64(n-then) / 3; now > 6*second && !near(m, want, 0.01) && !near(m, want, 12/max(want, 1)) {
				t.Errorf("%s, %v: %.1f Hz, the last three seconds had %.1f", name, time.Duration(now), m, want)
			}
		}
	}
}

func TestEstimator_FewSamplesOfSlowTopic(t *testing.T) {
	for _, hz := range []float64{0.1, 0.2} {
		for _, window := range []int64{second, 3 * second} {
			tr := traffic{{2 * second, 100, periodOf(hz)}}
			e := Estimator{Window: time.Duration(window)}
			for now := 3*second + second/3; now < 100*second; now += second {
				e.Add(tr.read(now))
				if n, _ := tr.count(now); n > 1 {
					if m, _ := e.Rate(); !near(m, hz, 0.001) {
						t.Fatalf("%v Hz reads %v after %d messages", hz, m, n)
					}
				}
			}
		}
	}
}

func TestEstimator_FirstWindowOfLife(t *testing.T) {
	tr := traffic{{2 * second, 10_000, 10 * ms}}
	var e Estimator
	for i, want := range []float64{101.0 / 3, 201.0 / 3, 100, 100} {
		e.Add(Figures{At: int64(i+3) * second, Since: 2 * second, Messages: tr.read(int64(i+3) * second).Messages, Last: int64(i+3) * second})
		if m, _ := e.Rate(); !near(m, want, 0.02) {
			t.Errorf("after %d s a new publisher of 100 Hz reads %.1f", i+1, m)
		}
	}
}
