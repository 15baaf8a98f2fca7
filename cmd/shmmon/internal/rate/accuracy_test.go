package rate

import (
	"math/rand/v2"
	"testing"
	"time"
)

// frequencies are what topics have, from a message in ten seconds to a million in one.
func frequencies() []float64 {
	return []float64{0.1, 0.2, 0.5, 1, 3, 10, 100, 1000, 10_000, 100_000, 1_000_000}
}

// windowOf is the length of the windows of a publisher: that of the estimator, or three messages.
func windowOf(p publisher) int64 { return max(3*second, minMessages*p.period) }

// watchFor has the estimator read a publisher about once a second for a while, and check each reading.
func watchFor(e *Estimator, r *rand.Rand, now, duration int64, read func(now int64) Figures, check func(now int64, rate float64)) int64 {
	for end := now + duration; now < end; now += second*4/5 + r.Int64N(second*2/5) {
		e.Add(read(now))
		m, _ := e.Rate()
		check(now, m)
	}
	return now
}

// Within three windows the rate is right within two percent, and it stays so.
func TestEstimator_TwoPercentWithinThreeWindows(t *testing.T) {
	for _, hz := range frequencies() {
		for seed := range uint64(20) {
			r := rand.New(rand.NewPCG(seed, 2))
			p := publisher{begin: 1000 * second, phase: r.Int64N(periodOf(hz)), period: periodOf(hz), size: 100}
			var e Estimator
			begin := p.begin + p.phase + r.Int64N(3*second)
			watchFor(&e, r, begin, 10*windowOf(p), p.at, func(now int64, rate float64) {
				if rate < 0 {
					t.Fatalf("%v Hz reads %v", hz, rate)
				}
				if now >= begin+3*windowOf(p) && !near(rate, hz, 0.02) {
					t.Fatalf("%v Hz reads %v, %v after the start (seed %d)", hz, rate, time.Duration(now-begin), seed)
				}
			})
		}
	}
}

// A publisher whose counters begin anew with another rate has that one within three windows, and is never negative or above both.
func TestEstimator_RightAfterRestart(t *testing.T) {
	tested := 0
	for _, before := range frequencies() {
		for _, after := range frequencies() {
			r := rand.New(rand.NewPCG(uint64(before*10), uint64(after*10)))
			old := publisher{begin: 1000 * second, period: periodOf(before), size: 100}
			var e Estimator
			now := watchFor(&e, r, old.begin, 4*windowOf(old), old.at, func(int64, float64) {})
			restarted := publisher{begin: now - second/2, period: periodOf(after), size: 100}
			if old.at(now-second).Messages < restarted.at(now).Messages {
				continue // nothing tells the restart from a burst
			}
			tested++
			watchFor(&e, r, now, 6*windowOf(restarted), restarted.at, func(at int64, rate float64) {
				if rate < 0 || rate > 1.05*max(before, after)+1 {
					t.Fatalf("from %v to %v Hz reads %v", before, after, rate)
				}
				if at >= now+3*windowOf(restarted) && !near(rate, after, 0.02) {
					t.Fatalf("from %v to %v Hz reads %v, %v after the restart", before, after, rate, time.Duration(at-now))
				}
			})
		}
	}
	if tested < 60 {
		t.Errorf("only %d restarts were tested", tested)
	}
}

// A publisher that changes its rate has the new one within three windows of the slower rate.
func TestEstimator_RightAfterChange(t *testing.T) {
	for _, before := range frequencies() {
		for _, after := range frequencies() {
			r := rand.New(rand.NewPCG(uint64(before*10), uint64(after*10)))
			old := publisher{begin: 1000 * second, period: periodOf(before), size: 100}
			var e Estimator
			now := watchFor(&e, r, old.begin, 4*windowOf(old), old.at, func(int64, float64) {})
			last := old.at(now)
			e.Add(last)
			changed := publisher{begin: last.At, phase: 1, period: periodOf(after), size: 100}
			read := func(at int64) Figures {
				f := changed.at(at)
				f.Since, f.Messages, f.Bytes = last.Since, f.Messages+last.Messages, f.Bytes+last.Bytes
				if f.Last == 0 {
					f.Last = last.Last
				}
				return f
			}
			settled := now + 3*max(windowOf(old), windowOf(changed))
			watchFor(&e, r, now+second, settled-now+3*windowOf(changed), read, func(at int64, rate float64) {
				if rate < 0 {
					t.Fatalf("from %v to %v Hz reads %v", before, after, rate)
				}
				if at >= settled && !near(rate, after, 0.02) {
					t.Fatalf("from %v to %v Hz reads %v, %v after the change", before, after, rate, time.Duration(at-now))
				}
			})
		}
	}
}
