package topic

import (
	"context"
	"iter"
	"time"
)

// A Join2 matches the samples of two subscribers by their stamps. It gives sets of one sample of each whose stamps differ by at
// most the Tolerance.
//
// # Which samples are a set
//
//   - Each sample is in at most one set.
//   - The sets ascend: no sample of a set is older than that of the same input in the set before, except after a reset (below).
//   - No set is left out: the dropped samples contain no further set that would ascend with the others.
//   - Each set has the least spread (the time between the oldest and the newest stamp) of those that may come next. These are
//     the sets that ascend and have the first sample of an input that can still be in a set. Of several with equal spread it is
//     the earliest.
//   - The sets depend on the stamps alone, and not on the order of arrival of samples of different inputs.
//
// These are the properties of ApproximateTime in the ROS package message_filters (wiki.ros.org/message_filters/ApproximateTime),
// with a Tolerance; with Tolerance 0 those of ExactTime. The last three hold while the stamps of each input ascend up to its next
// reset, MinInterval holds, and neither a full queue nor MaxWait formed a set or dropped a sample.
//
// A set is formed when no sample that can still come fits better. Usually that is when the next sample of each input has come,
// except that with the newest stamp of the set; with equal stamps it is at once. MinInterval shortens the wait.
//
// An input may have several publishers. A sample with an earlier stamp than a waiting one is put before it. If it is also
// earlier than a sample of a set, it is dropped.
//
// A stamp that is more than a second before the newest of its input is a reset: the stamps begin anew, as in a replay that
// repeats. Samples match those of other inputs after equally many resets. Thus the samples after a reset wait for the resets of
// the other inputs, within QueueSize and MaxWait, and samples before a reset are dropped when no sample can match them any more.
//
// If only one input has a reset, as when its publisher restarts, no sets are formed until a sample after the reset is dropped for
// QueueSize or MaxWait. From then on the next samples of all inputs match by their stamps alone. With Lossless subscribers and
// without MaxWait there is no such limit, and the join waits for the resets of the other inputs.
//
// # Memory
//
// The samples are in place. Those of a set are valid until Release of the set. A join holds at most QueueSize+1 samples of each
// input that were not received in a set, and a publisher needs memory for these beyond its Depth. Samples that are dropped are
// released at once.
//
// A set that is formed is dropped only by Close. While the application does not receive it, up to QueueSize samples of each
// input are received. Later samples stay with the publisher, which overwrites the oldest, or waits if the subscriber is
// Lossless.
//
// # Concurrency
//
// Every method may be called from any goroutine. Goroutines that call Receive share the sets. A join has one goroutine for each
// input, until Close or until the subscriber of an input is closed.
type Join2[A, B any] struct{ core *joinCore }

// NewJoin2 starts a join of two subscribers. Close ends it.
func NewJoin2[A, B any](a JoinInput[A], b JoinInput[B], opts *JoinOptions) (*Join2[A, B], error) {
	core, err := newJoinCore(opts, joinSourceOf(a), joinSourceOf(b))
	if err != nil {
		return nil, err
	}
	return &Join2[A, B]{core}, nil
}

// A Pair is a set of a Join2. The zero Pair accompanies an error.
type Pair[A, B any] struct {
	A      Sample[A]
	B      Sample[B]
	Spread time.Duration // between the stamps
}

// Release releases both samples. Only the first call has an effect.
func (p Pair[A, B]) Release() {
	p.A.Release()
	p.B.Release()
}

// Receive waits for the next set, which the caller releases. The error is that of ctx, os.ErrClosed after Close or, when no
// further set can be formed, because the subscriber of an input was closed; or a *LimitError if MaxHeld samples of a publisher
// are held, most of them in sets that were not released.
func (j *Join2[A, B]) Receive(ctx context.Context) (Pair[A, B], error) {
	s, err := j.core.receive(ctx)
	if err != nil {
		return Pair[A, B]{}, err
	}
	return Pair[A, B]{Sample[A]{s.entries[0].sample}, Sample[B]{s.entries[1].sample}, s.duration()}, nil
}

// Sets yields each set and releases it after the loop body. The payloads are in place, as after Receive. An error is as for
// Receive and ends the loop.
func (j *Join2[A, B]) Sets(ctx context.Context) iter.Seq2[Pair[A, B], error] {
	return func(yield func(Pair[A, B], error) bool) { yieldSets(ctx, j.Receive, yield) }
}

// Stats returns the counters up to now.
func (j *Join2[A, B]) Stats() JoinStats { return j.core.stats() }

// Close ends the join and drops the samples that wait. A waiting Receive returns os.ErrClosed. The subscribers stay open. When
// Close returns, the join receives no more; but it waits no longer than a second, because it may run within a function that the
// application gave to the join or a subscriber. Sets that were received stay valid until released. Further calls do nothing.
func (j *Join2[A, B]) Close() error {
	j.core.close()
	return nil
}

// A Join3 matches the samples of three subscribers by their stamps. All that is said of Join2 holds for it.
type Join3[A, B, C any] struct{ core *joinCore }

// NewJoin3 starts a join of three subscribers. Close ends it.
func NewJoin3[A, B, C any](a JoinInput[A], b JoinInput[B], c JoinInput[C], opts *JoinOptions) (*Join3[A, B, C], error) {
	core, err := newJoinCore(opts, joinSourceOf(a), joinSourceOf(b), joinSourceOf(c))
	if err != nil {
		return nil, err
	}
	return &Join3[A, B, C]{core}, nil
}

// A Triple is a set of a Join3. The zero Triple accompanies an error.
type Triple[A, B, C any] struct {
	A      Sample[A]
	B      Sample[B]
	C      Sample[C]
	Spread time.Duration // between the oldest and the newest stamp
}

// Release releases all samples. Only the first call has an effect.
func (t Triple[A, B, C]) Release() {
	t.A.Release()
	t.B.Release()
	t.C.Release()
}

// Receive is as for Join2.
func (j *Join3[A, B, C]) Receive(ctx context.Context) (Triple[A, B, C], error) {
	s, err := j.core.receive(ctx)
	if err != nil {
		return Triple[A, B, C]{}, err
	}
	return Triple[A, B, C]{Sample[A]{s.entries[0].sample}, Sample[B]{s.entries[1].sample}, Sample[C]{s.entries[2].sample}, s.duration()}, nil
}

// Sets is as for Join2.
func (j *Join3[A, B, C]) Sets(ctx context.Context) iter.Seq2[Triple[A, B, C], error] {
	return func(yield func(Triple[A, B, C], error) bool) { yieldSets(ctx, j.Receive, yield) }
}

// Stats returns the counters up to now.
func (j *Join3[A, B, C]) Stats() JoinStats { return j.core.stats() }

// Close is as for Join2.
func (j *Join3[A, B, C]) Close() error {
	j.core.close()
	return nil
}

func yieldSets[S interface{ Release() }](ctx context.Context, receive func(context.Context) (S, error), yield func(S, error) bool) {
	for {
		s, err := receive(ctx)
		if err != nil {
			yield(s, err)
			return
		}
		if !yieldSet(s, yield) {
			return
		}
	}
}

// yieldSet releases the set also when the loop body panics.
func yieldSet[S interface{ Release() }](s S, yield func(S, error) bool) (goOn bool) {
	defer s.Release()
	return yield(s, nil)
}

// duration returns the spread, at most the longest duration, which a Tolerance may be.
func (s *joinSet) duration() time.Duration { return time.Duration(s.spread) }
