package topic

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// matchRun is a matcher in a test, with what it gave.
type matchRun struct {
	*matcher
	sets    [][]int64 // stamps
	spreads []uint64
	drops   []matchDrop
}

type matchDrop struct {
	input  int
	stamp  int64
	reason JoinReason
}

func newMatchRun(intervals []time.Duration, tolerance, maxWait time.Duration, queueSize int) *matchRun {
	r := &matchRun{matcher: newMatcher(intervals, tolerance, maxWait, queueSize)}
	r.dropped = func(input int, e joinEntry, reason JoinReason, _ error) {
		r.drops = append(r.drops, matchDrop{input, e.stamp, reason})
	}
	return r
}

// receive takes the sets that are formed.
func (r *matchRun) receive(now int64) {
	for r.formed {
		s := r.take(now)
		var stamps []int64
		for i := range r.inputs {
			stamps = append(stamps, s.entries[i].stamp)
		}
		r.sets, r.spreads = append(r.sets, stamps), append(r.spreads, s.spread)
	}
}

// check compares the sums of the counters and what the run gave.
func (r *matchRun) check(t *testing.T) {
	t.Helper()
	s := r.stats()
	if s.Sets != uint64(len(r.sets)) {
		t.Fatalf("%d sets were counted, %d taken", s.Sets, len(r.sets))
	}
	var dropped uint64
	for i, in := range s.Inputs {
		if in.Received != in.Used+in.Waiting+in.Dropped() || in.Used != s.Sets {
			t.Fatalf("input %d: %+v, %d sets", i, in, s.Sets)
		}
		dropped += in.Dropped()
	}
	if dropped != uint64(len(r.drops)) {
		t.Fatalf("%d samples were counted as dropped, %d dropped", dropped, len(r.drops))
	}
}

// pushAll gives the streams to the matcher in a random order that keeps the order of each stream.
func (r *matchRun) pushAll(t *testing.T, rnd *rand.Rand, streams [][]int64, slow bool) {
	t.Helper()
	at := make([]int, len(streams))
	for left := len(slices.Concat(streams...)); left > 0; {
		i := rnd.IntN(len(streams))
		if at[i] == len(streams[i]) {
			continue
		}
		if !r.hasRoom(i) {
			r.receive(0)
			continue
		}
		r.push(i, joinEntry{stamp: streams[i][at[i]]})
		if at[i]++; at[i] == len(streams[i]) && rnd.IntN(2) == 0 {
			r.end(i)
		}
		left--
		r.check(t)
		if !slow || rnd.IntN(4) == 0 {
			r.receive(0)
		}
	}
	for i := range streams {
		r.receive(0)
		r.end(i)
	}
	r.receive(0)
	r.check(t)
}

// candidates returns the positions of every possible set after the positions in after, in lexicographic order.
func candidates(streams [][]int64, after []int, tolerance uint64) (all [][]int) {
	var extend func(set []int, begin, end int64)
	extend = func(set []int, begin, end int64) {
		i := len(set)
		if i == len(streams) {
			all = append(all, slices.Clone(set))
			return
		}
		for k := after[i] + 1; k < len(streams[i]); k++ {
			stamp := streams[i][k]
			if b, e := min(begin, stamp), max(end, stamp); distance(b, e) <= tolerance {
				extend(append(set, k), b, e)
			}
		}
	}
	extend(nil, math.MaxInt64, math.MinInt64)
	return slices.DeleteFunc(all, func(set []int) bool { return spreadOf(streams, set) > tolerance })
}

func spreadOf(streams [][]int64, set []int) uint64 {
	begin, end := int64(math.MaxInt64), int64(math.MinInt64)
	for i, k := range set {
		begin, end = min(begin, streams[i][k]), max(end, streams[i][k])
	}
	return distance(begin, end)
}

// allSets computes the sets from the documentation of Join2, without a pivot and without a queue: of the possible sets that have
// the first usable sample of an input, the one with the least spread, the earliest of several.
func allSets(streams [][]int64, tolerance uint64) (sets [][]int) {
	after := slices.Repeat([]int{-1}, len(streams))
	for {
		possible := candidates(streams, after, tolerance)
		if len(possible) == 0 {
			return sets
		}
		first := slices.Clone(possible[0])
		for _, set := range possible {
			for i, k := range set {
				first[i] = min(first[i], k)
			}
		}
		var best []int
		for _, set := range possible {
			next := slices.ContainsFunc([]int{0, 1, 2}[:len(set)], func(i int) bool { return set[i] == first[i] })
			if next && (best == nil || spreadOf(streams, set) < spreadOf(streams, best)) {
				best = set
			}
		}
		sets = append(sets, best)
		after = best
	}
}

// randomStreams returns ascending stamps. The distance of two is at least gap.
func randomStreams(rnd *rand.Rand, gap int64) [][]int64 {
	streams := make([][]int64, 2+rnd.IntN(2))
	for i := range streams {
		stamp, step := rnd.Int64N(20)-10, 1+rnd.Int64N(12)
		for range rnd.IntN(14) {
			streams[i] = append(streams[i], stamp)
			stamp += gap + rnd.Int64N(step)
		}
	}
	return streams
}

func TestMatcher_SetsAreThoseOfTheDefinition(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	formed := 0
	for range 1000 {
		gap := rnd.Int64N(4)
		streams := randomStreams(rnd, gap)
		tolerance := rnd.Int64N(9)
		expected := allSets(streams, uint64(tolerance))
		for range 3 { // in another order of arrival each time
			intervals := make([]time.Duration, len(streams))
			for i := range intervals {
				intervals[i] = time.Duration(rnd.Int64N(gap + 1))
			}
			r := newMatchRun(intervals, time.Duration(tolerance), 0, 64)
			r.pushAll(t, rnd, streams, rnd.IntN(2) == 0)
			if len(r.sets) != len(expected) {
				t.Fatalf("streams %v, tolerance %d: %d sets %v, expected %v", streams, tolerance, len(r.sets), r.sets, expected)
			}
			for n, set := range expected {
				for i, k := range set {
					if r.sets[n][i] != streams[i][k] {
						t.Fatalf("streams %v, tolerance %d: set %d is %v, expected %v", streams, tolerance, n, r.sets[n], set)
					}
				}
				if r.spreads[n] != spreadOf(streams, set) {
					t.Fatalf("spread of %v is %d", r.sets[n], r.spreads[n])
				}
			}
			for _, d := range r.drops {
				if d.reason != NoPartner {
					t.Fatalf("%v was dropped", d)
				}
			}
			formed += len(expected)
		}
	}
	if formed < 2000 {
		t.Errorf("only %d sets", formed)
	}
}

// Between two sets, before the first and after the last there is no room for one more.
func TestMatcher_NoSetIsLeftOut(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 500 {
		streams, tolerance := randomStreams(rnd, 1), rnd.Int64N(9)
		r := newMatchRun(make([]time.Duration, len(streams)), time.Duration(tolerance), 0, 64)
		r.pushAll(t, rnd, streams, false)
		after := slices.Repeat([]int{-1}, len(streams))
		for n := 0; n <= len(r.sets); n++ {
			before := make([]int, len(streams))
			for i := range before {
				before[i] = len(streams[i])
				if n < len(r.sets) {
					before[i] = slices.Index(streams[i], r.sets[n][i])
				}
			}
			for _, set := range candidates(streams, after, uint64(tolerance)) {
				if !slices.ContainsFunc([]int{0, 1, 2}[:len(set)], func(i int) bool { return set[i] >= before[i] }) {
					t.Fatalf("streams %v, tolerance %d: sets %v leave out %v", streams, tolerance, r.sets, set)
				}
			}
			after = before
		}
	}
}

// With full queues, waits that expire and stamps that run back, sets may be other ones, but not wrong ones.
func TestMatcher_ForcedSetsAscendWithinTheTolerance(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	reasons := map[JoinReason]int{}
	for range 1500 {
		n, tolerance := 2+rnd.IntN(2), rnd.Int64N(12)
		r := newMatchRun(make([]time.Duration, n), time.Duration(tolerance), time.Duration(rnd.Int64N(20)), 1+rnd.IntN(4))
		var now int64
		stamps := make([]int64, n)
		pushed := make([]map[int64]int, n)
		for i := range pushed {
			pushed[i] = map[int64]int{}
			r.inputs[i].lossless = rnd.IntN(2) == 0
		}
		for range 60 {
			i := rnd.IntN(n)
			now += rnd.Int64N(5)
			r.expire(now)
			if r.hasRoom(i) {
				stamps[i] += rnd.Int64N(10) - 2
				if rnd.IntN(16) == 0 {
					stamps[i] -= 2 * int64(resetStep)
				}
				pushed[i][stamps[i]]++
				r.push(i, joinEntry{stamp: stamps[i], since: now})
			}
			r.check(t)
			if rnd.IntN(3) == 0 {
				r.receive(now)
			}
			for i := range r.inputs {
				if in := &r.inputs[i]; in.queue.len() > r.queueSize {
					t.Fatalf("%d samples wait in a queue of %d", in.queue.len(), r.queueSize)
				}
			}
		}
		r.close()
		r.check(t)
		for k, set := range r.sets {
			if slices.Max(set)-slices.Min(set) > tolerance {
				t.Fatalf("the spread of %v is more than %d", set, tolerance)
			}
			for i, stamp := range set {
				if before := r.sets[max(k-1, 0)][i]; stamp < before && distance(stamp, before) <= uint64(resetStep) {
					t.Fatalf("%v after %v", set, r.sets[k-1])
				}
				pushed[i][stamp]--
			}
		}
		for _, d := range r.drops {
			pushed[d.input][d.stamp]--
			reasons[d.reason]++
			if d.reason == QueueFull && r.inputs[d.input].lossless {
				t.Fatalf("%v was dropped of a lossless input", d)
			}
		}
		for i := range pushed {
			for stamp, left := range pushed[i] {
				if left != 0 {
					t.Fatalf("stamp %d of input %d: %d of the samples pushed are neither used nor dropped", stamp, i, left)
				}
			}
		}
	}
	for _, reason := range []JoinReason{NoPartner, QueueFull, WaitExpired, OutOfOrder, StampReset, JoinClosed} {
		if reasons[reason] == 0 {
			t.Errorf("no sample was dropped for the reason %q", reason)
		}
	}
}

// samples pushes samples of one input.
func (r *matchRun) samples(input int, now int64, stamps ...int64) {
	for _, stamp := range stamps {
		r.push(input, joinEntry{stamp: stamp, since: now})
	}
}

func TestMatcher_WhenASetIsCertain(t *testing.T) {
	for _, c := range []struct {
		name     string
		interval time.Duration // of the second input
		push     func(*matchRun)
		formed   bool
	}{
		{"equal stamps", 0, func(r *matchRun) { r.samples(0, 0, 5); r.samples(1, 0, 5) }, true},
		{"a nearer sample may come", 0, func(r *matchRun) { r.samples(0, 0, 5); r.samples(1, 0, 2) }, false},
		{"the next is not nearer", 0, func(r *matchRun) { r.samples(0, 0, 5); r.samples(1, 0, 2, 8) }, true},
		{"the next is too early to be nearer", 6, func(r *matchRun) { r.samples(0, 0, 5); r.samples(1, 0, 2) }, true},
		{"the next may be nearer by one", 5, func(r *matchRun) { r.samples(0, 0, 5); r.samples(1, 0, 2) }, false},
		{"the stamps begin anew", 0, func(r *matchRun) { r.samples(0, 0, 5e9); r.samples(1, 0, 5e9-2, 0) }, true},
		{"no more comes", 0, func(r *matchRun) { r.samples(0, 0, 5); r.samples(1, 0, 2); r.end(1) }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newMatchRun([]time.Duration{0, c.interval}, 4, 0, 8)
			if c.push(r); r.formed != c.formed {
				t.Errorf("formed: %v", r.formed)
			}
		})
	}
}

func TestMatcher_FullQueueFormsTheBestSetOfWhatIsThere(t *testing.T) {
	r := newMatchRun(make([]time.Duration, 3), 10, 0, 2)
	r.samples(0, 0, 20)
	r.samples(1, 0, 12, 18)
	r.samples(2, 0, 19)
	if r.formed {
		t.Fatal("a later sample of input 2 could be nearer")
	}
	r.samples(1, 0, 40)
	if r.receive(0); !slices.EqualFunc(r.sets, [][]int64{{20, 18, 19}}, slices.Equal) {
		t.Errorf("sets %v", r.sets)
	}
	r.samples(1, 0, 50, 60)
	if last := r.drops[len(r.drops)-1]; last != (matchDrop{1, 40, QueueFull}) {
		t.Errorf("dropped: %v", r.drops)
	}
	r.check(t)
}

func TestMatcher_FullQueueOfALosslessInput(t *testing.T) {
	r := newMatchRun(make([]time.Duration, 2), 3, 100, 2)
	r.inputs[0].lossless = true
	r.samples(0, 0, 10, 20)
	if r.hasRoom(0) || !r.hasRoom(1) {
		t.Fatal("the queue is full")
	}
	r.samples(1, 50, 21)
	if !r.hasRoom(0) {
		t.Fatal("a sample with a stamp up to 22 could be nearer")
	}
	r.samples(0, 50, 30)
	r.receive(50)
	r.samples(0, 60, 40)
	if r.expire(149); r.hasRoom(0) {
		t.Fatal("the queue is full again")
	}
	if r.expire(150); !r.hasRoom(0) || !slices.Equal(r.drops, []matchDrop{{0, 10, NoPartner}, {0, 30, WaitExpired}}) {
		t.Errorf("dropped: %v", r.drops)
	}
	if !slices.EqualFunc(r.sets, [][]int64{{20, 21}}, slices.Equal) {
		t.Errorf("sets %v", r.sets)
	}
	r.check(t)
}

func TestMatcher_WaitExpires(t *testing.T) {
	r := newMatchRun(make([]time.Duration, 2), 10, 100, 8)
	if _, ok := r.deadline(); ok {
		t.Fatal("nothing waits")
	}
	r.samples(0, 1000, 1)
	r.samples(0, 1010, 2)
	if at, ok := r.deadline(); !ok || at != 1100 {
		t.Fatalf("deadline %d, %v", at, ok)
	}
	r.expire(1099)
	if len(r.drops) != 0 {
		t.Fatalf("dropped too early: %v", r.drops)
	}
	r.expire(1100)
	if !slices.Equal(r.drops, []matchDrop{{0, 1, WaitExpired}}) {
		t.Fatalf("dropped: %v", r.drops)
	}
	r.samples(1, 1105, 0) // a nearer one may come
	r.expire(1110)
	if _, ok := r.deadline(); ok {
		t.Error("a set that is formed does not expire")
	}
	r.samples(0, 1000, 3) // waits while the set is not taken
	r.expire(2000)
	if r.receive(2000); !slices.EqualFunc(r.sets, [][]int64{{2, 0}}, slices.Equal) {
		t.Errorf("sets %v", r.sets)
	}
	if at, _ := r.deadline(); at != 2100 {
		t.Errorf("deadline %d after a set was taken at 2000", at)
	}
	r.check(t)
}

// The publishers of both inputs begin anew, one after the other.
func TestMatcher_StampsRunBack(t *testing.T) {
	const s = int64(time.Second)
	r := newMatchRun(make([]time.Duration, 2), 0, 0, 8)
	r.samples(0, 0, 100*s, 101*s, 102*s)
	r.samples(1, 0, 100*s, 101*s, s, 2*s, 3*s)
	r.receive(0)
	r.samples(0, 0, s, 2*s, 3*s, 4*s, 5*s)
	r.samples(1, 0, 4*s, 5*s)
	r.receive(0)
	if last := r.sets[len(r.sets)-1]; !slices.Equal(last, []int64{5 * s, 5 * s}) {
		t.Errorf("sets %v", r.sets)
	}
	for i, in := range r.stats().Inputs {
		if in.Resets != 1 {
			t.Errorf("input %d: %d resets", i, in.Resets)
		}
	}
	if !slices.Contains(r.drops, matchDrop{0, 102 * s, StampReset}) {
		t.Errorf("dropped: %v", r.drops)
	}
	r.check(t)
}

// Two publishers of one input take turns.
func TestMatcher_StampsOutOfOrder(t *testing.T) {
	r := newMatchRun(make([]time.Duration, 2), 1, 0, 8)
	r.samples(0, 0, 10, 5, 20, 15)
	r.samples(1, 0, 5, 10, 15, 20)
	r.receive(0)
	r.samples(0, 0, 19)
	if len(r.sets) != 4 || !slices.Equal(r.drops, []matchDrop{{0, 19, OutOfOrder}}) {
		t.Errorf("sets %v, dropped %v", r.sets, r.drops)
	}
	r.check(t)
}

func TestMatcher_StampsAtTheLimits(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 8))
	limits := []int64{math.MinInt64 + 1, -1, 0, 1, math.MaxInt64 - 1, math.MaxInt64}
	for range 1000 {
		r := newMatchRun([]time.Duration{0, math.MaxInt64, 1}, []time.Duration{0, 1, math.MaxInt64}[rnd.IntN(3)], 0, 2)
		for range 20 {
			if i := rnd.IntN(3); r.hasRoom(i) {
				r.samples(i, 0, limits[rnd.IntN(len(limits))])
			}
			if r.check(t); rnd.IntN(3) == 0 {
				r.receive(0)
			}
		}
		for n, spread := range r.spreads {
			if distance(slices.Min(r.sets[n]), slices.Max(r.sets[n])) != spread || spread > r.tolerance {
				t.Fatalf("set %v, spread %d", r.sets[n], spread)
			}
		}
	}
}
