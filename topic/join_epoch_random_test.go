package topic

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// epochs returns streams of several epochs. A reset runs back by more than a second, and the stamps of all epochs are of the
// same two seconds.
func epochs(rnd *rand.Rand, inputs int, gap int64) (streams [][][]int64) {
	for range inputs {
		var stream [][]int64
		for range 1 + rnd.IntN(4) {
			var epoch []int64
			for _, begin := range []int64{0, int64(2 * time.Second)} {
				stamp, step := begin+rnd.Int64N(20)-10, 1+rnd.Int64N(12)
				for range 1 + rnd.IntN(7) {
					epoch = append(epoch, stamp)
					stamp += gap + rnd.Int64N(step)
				}
			}
			stream = append(stream, epoch)
		}
		streams = append(streams, stream)
	}
	return streams
}

// The sets of each epoch are those of the definition, whatever the order of arrival.
func TestMatcher_SetsWithResetsAreThoseOfTheDefinition(t *testing.T) {
	rnd := rand.New(rand.NewPCG(11, 12))
	formed, resets := 0, 0
	for range 1000 {
		gap, tolerance := rnd.Int64N(4), rnd.Int64N(9)
		streams := epochs(rnd, 2+rnd.IntN(2), gap)
		common := len(streams[0])
		flat := make([][]int64, len(streams))
		for i, stream := range streams {
			common, flat[i] = min(common, len(stream)), slices.Concat(stream...)
		}
		var expected [][]int64
		for n := range common {
			part := make([][]int64, len(streams))
			for i := range streams {
				part[i] = streams[i][n]
			}
			for _, set := range allSets(part, uint64(tolerance)) {
				stamps := make([]int64, len(set))
				for i, k := range set {
					stamps[i] = part[i][k]
				}
				expected = append(expected, stamps)
			}
		}
		for range 3 { // in another order of arrival each time
			intervals := make([]time.Duration, len(streams))
			for i := range intervals {
				intervals[i] = time.Duration(rnd.Int64N(gap + 1))
			}
			r := newMatchRun(intervals, time.Duration(tolerance), 0, 64)
			r.pushAll(t, rnd, flat, rnd.IntN(2) == 0)
			if !slices.EqualFunc(r.sets, expected, slices.Equal) {
				t.Fatalf("streams %v, tolerance %d: sets %v, expected %v", streams, tolerance, r.sets, expected)
			}
			for _, d := range r.drops {
				if d.reason != NoPartner && d.reason != StampReset {
					t.Fatalf("%v was dropped", d)
				}
			}
			formed += len(expected)
		}
		resets += common - 1
	}
	if formed < 2000 || resets < 500 {
		t.Errorf("only %d sets and %d resets of all inputs", formed, resets)
	}
}
