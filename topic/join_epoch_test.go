package topic

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

const (
	frame   = int64(33 * time.Millisecond)
	lag     = int64(5 * time.Millisecond)
	perLoop = 60
)

// loopRun is a matcher for two inputs that repeat the same stamps.
func loopRun(queueSize int, maxWait time.Duration) *matchRun {
	return newMatchRun(make([]time.Duration, 2), 10*time.Millisecond, maxWait, queueSize)
}

// loop pushes samples from and up to those of these numbers to an input, and takes the sets.
func (r *matchRun) loop(input, from, to int, offset int64) {
	for k := from; k < to; k++ {
		r.samples(input, 0, int64(k%perLoop)*frame+offset)
		r.receive(0)
	}
}

func TestMatcher_LoopedStamps(t *testing.T) {
	const loops = 3
	for _, c := range []struct {
		name   string
		offset int64 // of the stamps of the second input
		push   func(r *matchRun, offset int64)
	}{
		{"the later stamps second", lag, pushInTurn(0, 1)},
		{"equal stamps", 0, pushInTurn(0, 1)},
		{"the later stamps first", lag, pushInTurn(1, 0)},
		{"equal stamps, the other order", 0, pushInTurn(1, 0)},
		{"the second input begins anew first", lag, pushAhead(1, 7)},
		{"the first input begins anew first", lag, pushAhead(0, 7)},
		{"one input is ahead by two resets", lag, pushAhead(0, 2*perLoop+10)},
		{"the other input is ahead by two resets", lag, pushAhead(1, 2*perLoop+10)},
		{"one input after the other", lag, pushAhead(0, loops*perLoop)},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := loopRun(loops*perLoop, 0)
			c.push(r, c.offset)
			r.end(0)
			r.end(1)
			r.receive(0)
			r.check(t)
			if len(r.sets) != loops*perLoop || len(r.drops) != 0 {
				t.Fatalf("%d sets, dropped: %v", len(r.sets), r.drops)
			}
			for k, set := range r.sets {
				if stamp := int64(k%perLoop) * frame; !slices.Equal(set, []int64{stamp, stamp + c.offset}) {
					t.Fatalf("set %d is %v", k, set)
				}
			}
			for i, in := range r.stats().Inputs {
				if in.Resets != loops-1 {
					t.Errorf("input %d: %d resets", i, in.Resets)
				}
			}
		})
	}
}

func pushInTurn(first, second int) func(*matchRun, int64) {
	return func(r *matchRun, offset int64) {
		for k := range 3 * perLoop {
			r.loop(first, k, k+1, offset*int64(first))
			r.loop(second, k, k+1, offset*int64(second))
		}
	}
}

// pushAhead gives one input so many samples more than the other up to the end.
func pushAhead(ahead, samples int) func(*matchRun, int64) {
	return func(r *matchRun, offset int64) {
		behind := 1 - ahead
		r.loop(ahead, 0, samples, offset*int64(ahead))
		for k := samples; k < 3*perLoop; k++ {
			r.loop(behind, k-samples, k-samples+1, offset*int64(behind))
			r.loop(ahead, k, k+1, offset*int64(ahead))
		}
		r.loop(behind, 3*perLoop-samples, 3*perLoop, offset*int64(behind))
	}
}

// The stamps of one input begin anew, and those of the other go on.
func TestMatcher_StampsOfOneInputRunBack(t *testing.T) {
	const s, wait = int64(time.Second), int64(time.Second)
	r := newMatchRun(make([]time.Duration, 2), 10*time.Millisecond, time.Second, 64)
	r.samples(0, 0, 100*s)
	r.samples(1, 0, 100*s, 101*s)
	r.receive(0)
	r.samples(0, 0, s, 2*s) // 101 s has no partner left
	r.samples(1, 0, 102*s)
	if !slices.Equal(r.drops, []matchDrop{{1, 101 * s, StampReset}, {1, 102 * s, StampReset}}) {
		t.Fatalf("dropped: %v", r.drops)
	}
	if at, ok := r.deadline(); !ok || at != wait {
		t.Fatalf("deadline %d, %v", at, ok)
	}
	r.drops = nil
	r.expire(wait)
	if !slices.Equal(r.drops, []matchDrop{{0, s, WaitExpired}, {0, 2 * s, WaitExpired}}) {
		t.Fatalf("dropped: %v", r.drops)
	}
	// From now on the stamps of both inputs are compared.
	r.drops = nil
	r.samples(0, wait, 3*s, 4*s)
	r.samples(1, wait, 103*s)
	if !slices.Equal(r.drops, []matchDrop{{0, 3 * s, NoPartner}, {0, 4 * s, NoPartner}}) {
		t.Fatalf("dropped: %v", r.drops)
	}
	r.samples(0, wait, 103*s)
	if r.receive(wait); len(r.sets) != 2 || r.sets[1][0] != 103*s {
		t.Fatalf("sets %v", r.sets)
	}
	// The stamps of the other input begin anew later.
	r.drops = nil
	r.samples(1, wait, 5*s)
	r.samples(0, wait, 104*s)
	r.expire(2*wait + 1)
	if !slices.Equal(r.drops, []matchDrop{{0, 104 * s, StampReset}, {1, 5 * s, WaitExpired}}) {
		t.Fatalf("dropped: %v", r.drops)
	}
	r.samples(0, 2*wait, 6*s)
	r.samples(1, 2*wait, 6*s)
	if r.receive(2 * wait); len(r.sets) != 3 || r.sets[2][0] != 6*s {
		t.Fatalf("sets %v", r.sets)
	}
}

// A publisher that was stopped begins anew long after the other one.
func TestMatcher_ResetAfterTheWaitOfTheOtherInput(t *testing.T) {
	const s = int64(time.Second)
	r := newMatchRun(make([]time.Duration, 2), 0, time.Second, 64)
	r.samples(0, 0, 100*s, s)
	r.samples(1, 0, 100*s)
	r.receive(0)
	r.expire(s)
	r.samples(0, 2*s, 2*s)
	r.samples(1, 2*s, 2*s)
	if r.receive(2 * s); len(r.sets) != 2 || !slices.Equal(r.drops, []matchDrop{{0, s, WaitExpired}}) {
		t.Errorf("sets %v, dropped %v", r.sets, r.drops)
	}
	r.check(t)
}

func TestMatcher_StampsOfOneInputRunBackTwice(t *testing.T) {
	const s = int64(time.Second)
	r := newMatchRun(make([]time.Duration, 2), 0, time.Second, 64)
	r.samples(0, 0, 100*s, 50*s, 51*s)
	r.samples(0, 1, s)
	r.samples(1, 0, 100*s)
	r.receive(0)
	r.expire(s)
	r.samples(1, s, s)
	if r.receive(s); len(r.sets) != 2 || !slices.Equal(r.drops, []matchDrop{{0, 50 * s, WaitExpired}, {0, 51 * s, StampReset}}) {
		t.Errorf("sets %v, dropped %v", r.sets, r.drops)
	}
	r.check(t)
}

// Without MaxWait, QueueSize limits the wait for the reset of the other input.
func TestMatcher_QueueIsFullBeforeTheOtherInputRunsBack(t *testing.T) {
	const s = int64(time.Second)
	for _, lossless := range []bool{false, true} {
		r := newMatchRun(make([]time.Duration, 2), 0, 0, 2)
		r.inputs[0].lossless = lossless
		r.samples(0, 0, 100*s)
		r.samples(1, 0, 100*s)
		r.receive(0)
		r.samples(0, 0, s, 2*s)
		r.samples(1, 0, 101*s)
		if lossless { // the publisher waits, and nothing of the new stamps is dropped
			if r.hasRoom(0) || !r.hasRoom(1) {
				t.Fatal("the queue is full")
			}
			r.samples(1, 0, s, 2*s)
			if r.receive(0); len(r.sets) != 3 || !slices.Equal(r.drops, []matchDrop{{1, 101 * s, StampReset}}) {
				t.Errorf("sets %v, dropped %v", r.sets, r.drops)
			}
			r.check(t)
			continue
		}
		r.samples(0, 0, 3*s)
		r.samples(1, 0, 102*s)
		r.samples(0, 0, 102*s)
		if r.receive(0); len(r.sets) != 2 || !slices.Equal(r.drops, []matchDrop{{1, 101 * s, StampReset}, {0, s, QueueFull}, {0, 2 * s, NoPartner}, {0, 3 * s, NoPartner}}) {
			t.Errorf("sets %v, dropped %v", r.sets, r.drops)
		}
		r.check(t)
	}
}

// One input has an outlier and no further reset: sets are formed again.
func TestMatcher_StampThatIsTooLate(t *testing.T) {
	for _, c := range []struct {
		name    string
		maxWait time.Duration
		queue   int
	}{{"wait", time.Second, 64}, {"queue", 0, 8}} {
		t.Run(c.name, func(t *testing.T) {
			r := loopRun(c.queue, c.maxWait)
			var now int64
			for k := range int64(200) {
				now += frame
				r.expire(now)
				a := k * frame
				if k == 20 {
					a += int64(10 * time.Second)
				}
				r.samples(0, now, a)
				r.samples(1, now, k*frame+lag)
				r.receive(now)
			}
			r.check(t)
			if n := len(r.sets); n < 200-2*31-2 || n > 199 {
				t.Errorf("%d sets", n)
			}
			if last := r.sets[len(r.sets)-1]; last[0] != 198*frame {
				t.Errorf("last set %v", last)
			}
		})
	}
}

func TestJoin2_LoopedStamps(t *testing.T) {
	p := join(t, domain(t))
	lossless := &SubscriberOptions[string]{Lossless: true}
	a, b := publisher[string](t, p, "a", nil), publisher[string](t, p, "b", nil)
	j := join2(t, stamped(subscriber(t, p, "a", lossless)), stamped(subscriber(t, p, "b", lossless)),
		&JoinOptions{Tolerance: 10 * time.Millisecond, MaxWait: -1})
	const n = 3 * perLoop
	for k := range int64(n) {
		stamp := k % perLoop * frame
		send(t, a, fmt.Sprint(stamp))
		if k > 0 { // the next sample of A makes the set certain
			before := (k - 1) % perLoop * frame
			wantPair(t, j, fmt.Sprint(before), fmt.Sprint(before+lag))
		}
		send(t, b, fmt.Sprint(stamp+lag))
	}
	waiting(t, j, 1, 1)
	for i, in := range accounted(t, j.Stats()) {
		if in.Used != n-1 || in.Dropped() != 0 || in.Resets != 2 {
			t.Errorf("input %d: %+v", i, in)
		}
	}
}
