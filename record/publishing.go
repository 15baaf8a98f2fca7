package record

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/shmbus/shmbus/internal/errdefs"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/topic"
)

// A replayPublisher publishes for one source at a time. When that source is gone, another source of the same stream may use
// it.
type replayPublisher struct {
	*topic.Publisher[[]byte]
	stream   *replayStream
	source   *replaySource // nil = none in this pass
	lastUsed uint64        // number of the last message that it published; 0 = none
	original playedOriginal
}

// maxConcurrentOpens is the number of publishers that are created concurrently. Each may wait a moment for its
// subscriptions.
const maxConcurrentOpens = 16

// open creates the publishers that are needed at the beginning: one for each stream, and more for streams whose publishers
// existed at the same time. When the participant has reached its limit, the rest are created with their first message.
func (pl *player) open(ctx context.Context) error {
	var err error
	pl.originals, err = newPlayOriginals(ctx, pl.participant) // before they take all places
	order := slices.Clone(pl.set.streams)
	for _, st := range pl.set.streams {
		for range st.needed() - 1 {
			order = append(order, st)
		}
	}
	pl.opened = len(order)
	errs := pl.openPublishers(ctx, order)
	if err := firstOf(slices.DeleteFunc(errs, isFull)); err != nil {
		return err
	}
	if err != nil { // after those of the topics, which people know
		return err
	}
	if pl.clock, err = newPlayClock(ctx, pl.participant, pl.opts); err != nil {
		return err
	}
	if pl.lockStep, err = newLockStep(ctx, pl.participant, pl.opts.LockStep); err != nil {
		return fmt.Errorf("lock-step: %w", err)
	}
	if err := pl.awaitSubscribers(ctx); err != nil {
		return err
	}
	return pl.calls.connect(ctx, pl.files, pl.opts)
}

// openPublishers creates a publisher for each of the streams, several concurrently. It creates no more when the participant has reached its
// limit. Publishers are in the order of their streams.
func (pl *player) openPublishers(ctx context.Context, order []*replayStream) (errs []error) {
	made := make([]*replayPublisher, len(order))
	errs = make([]error, len(order))
	var wg sync.WaitGroup
	var full atomic.Bool
	turns := make(chan struct{}, maxConcurrentOpens)
	for i, st := range order {
		turns <- struct{}{}
		if full.Load() {
			break
		}
		wg.Go(func() {
			defer func() { <-turns }()
			made[i], errs[i] = pl.newPublisher(ctx, st)
			if isFull(errs[i]) {
				full.Store(true)
			}
		})
	}
	wg.Wait()
	for _, p := range made {
		if p != nil {
			p.stream.publishers = append(p.stream.publishers, p)
		}
	}
	return errs
}

// firstOf returns the first error and the number of further errors.
func firstOf(errs []error) (first error) {
	more := 0
	for _, err := range errs {
		switch {
		case err == nil:
		case first == nil:
			first = err
		default:
			more++
		}
	}
	if more > 0 {
		return fmt.Errorf("%w (and %d more publishers likewise)", first, more)
	}
	return first
}

// isFull reports whether the participant has reached its limit of publishers and subscriptions.
func isFull(err error) bool {
	var limit *errdefs.LimitError
	return errors.As(err, &limit) && limit.Limit == registry.MaxEndpoints
}

func (pl *player) awaitSubscribers(ctx context.Context) error {
	if pl.opts.WaitSubscribers == 0 {
		return nil
	}
	if pl.opts.WaitTimeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, pl.opts.WaitTimeout)
		defer cancel()
	}
	for _, st := range pl.set.streams {
		if w := pl.opts.WaitTopics; w != nil && !w.MatchString(st.topic.recorded) {
			continue
		}
		for _, p := range st.publishers {
			if err := p.WaitSubscribers(ctx, pl.opts.WaitSubscribers); err != nil {
				return fmt.Errorf("wait for %d subscriptions to %s, which has %d: %w", pl.opts.WaitSubscribers, st.topic.played, p.Subscribers(), err)
			}
		}
	}
	return nil
}

// maxReplayKeys is the number of keys of a publisher: as many as the transport allows.
const maxReplayKeys = 1 << 16

func (pl *player) newPublisher(ctx context.Context, st *replayStream) (*replayPublisher, error) {
	largest := int(min(st.largest, math.MaxInt))
	opts := &topic.PublisherOptions[[]byte]{
		Codec: serde.Opaque(st.kind), Depth: depthFor(st.largest, st.messages, pl.opened), Latched: st.latched, Metadata: st.metadata,
	}
	if st.key != nil {
		opts.Key, opts.MaxKeys = st.key, maxReplayKeys
	}
	const usual = 256 << 20
	if largest > usual {
		opts.MaxPayload = largest
		opts.MemoryLimit = 8 * int64(largest)
	}
	p, err := topic.NewPublisher(ctx, pl.participant, st.topic.played, opts)
	if err != nil {
		return nil, fmt.Errorf("publish %s: %w", st.topic.played, err)
	}
	return &replayPublisher{Publisher: p, stream: st}, nil
}

// depthFor returns the depth of one of several rings. Deep rings help subscriptions that keep up only on average when
// messages that were recorded far apart are played in one burst. The depth is at most 1024, as long as all rings together
// take at most 512 MiB and each at most 16 MiB. It is at least 64, unless these samples take more than 128 MiB: with very
// large samples, memory would run out before the ring were full.
func depthFor(largest, messages uint64, rings int) int {
	budget := min(16<<20, 512<<20/uint64(max(rings, 1)))
	depth := uint64(1024)
	for depth > 64 && (depth*largest > budget || depth/2 >= messages) {
		depth /= 2
	}
	for depth > 4 && depth*largest > 128<<20 {
		depth /= 2
	}
	return int(depth)
}

// rewind prepares the next pass: no publisher has a source.
func (pl *player) rewind() {
	clear(pl.sources)
	clear(pl.repeats)
	pl.calls.rewind()
	for _, st := range pl.set.streams {
		for _, p := range st.publishers {
			p.source = nil
		}
		st.left, st.topic.nextEnd = st.messages, math.MaxUint64
	}
}

// publisherFor returns the publisher for a message. It closes the publishers of its topic that are gone now and have a
// latched sample.
func (pl *player) publisherFor(ctx context.Context, m *playMessage) (*replayPublisher, error) {
	src := pl.source(m)
	if m.LogTime > src.ended {
		src.ended = math.MaxUint64 // the recorded end is wrong
	}
	t := src.stream.topic
	known := src.publisher != nil && (src.publisher.source == src || !src.stream.latched) && src.publisher.Publisher != nil
	if known && m.LogTime <= t.nextEnd {
		return src.publisher, nil
	}
	if !known {
		var err error
		if src.publisher, err = pl.assignPublisher(ctx, src, m.LogTime); err != nil {
			return nil, err
		}
	}
	if t.latched {
		t.closeGone(src, m.LogTime)
	}
	return src.publisher, nil
}

// assignPublisher finds or creates a publisher for a source.
func (pl *player) assignPublisher(ctx context.Context, src *replaySource, t uint64) (*replayPublisher, error) {
	st := src.stream
	var oldest *replayPublisher
	for _, p := range st.publishers {
		if p.source == nil || p.source.replacedBy(src, t) {
			p.source = src
			return p, nil
		}
		if oldest == nil || p.lastUsed < oldest.lastUsed {
			oldest = p
		}
	}
	if len(st.publishers) >= st.maxPublishers {
		return oldest, nil
	}
	p, err := pl.newPublisher(ctx, st)
	if isFull(err) {
		p, err = pl.replaceFinished(ctx, st)
	}
	for isFull(err) && pl.closeOldest() {
		p, err = pl.newPublisher(ctx, st)
	}
	if err != nil {
		return nil, err
	}
	p.source = src
	if !slices.Contains(st.publishers, p) {
		st.publishers = append(st.publishers, p)
	}
	return p, nil
}

func (st *replayStream) remove(p *replayPublisher) {
	st.publishers = slices.DeleteFunc(st.publishers, func(q *replayPublisher) bool { return p == q })
	p.Close()
	p.Publisher = nil
}

// closeGone closes the topic's latched publishers whose sources are gone when src publishes. A late subscriber must not get
// their samples in addition to that of src.
func (t *replayTopic) closeGone(src *replaySource, now uint64) {
	t.nextEnd = math.MaxUint64
	for _, st := range t.streams {
		if !st.latched {
			continue
		}
		for _, p := range slices.Clone(st.publishers) {
			switch {
			case p == src.publisher || p.lastUsed == 0:
			case p.source == nil || p.source.replacedBy(src, now):
				st.remove(p)
			case !p.source.presumed:
				t.nextEnd = min(t.nextEnd, p.source.ended)
			}
		}
	}
	if p := src.publisher; src.stream.latched && p.source == src && !src.presumed {
		t.nextEnd = min(t.nextEnd, src.ended)
	}
}

// close closes the publishers. The samples in their rings stay readable for connected subscriptions.
func (pl *player) close() {
	for _, st := range pl.set.streams {
		for _, p := range st.publishers {
			p.Close()
		}
	}
	pl.calls.close()
	pl.clock.close()
	pl.originals.close()
	pl.lockStep.close()
}
