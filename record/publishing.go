package record

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/shmbus/shmbus/record/mcapfile"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/topic"
)

// A replayPublisher publishes for one source at a time. When that is gone, another one of the same stream may take its place.
type replayPublisher struct {
	*topic.Publisher[[]byte]
	stream *replayStream
	holder *replaySource // nil = none in this pass
	used   uint64        // number of the message that it published last; 0 = none
}

// opening is how many publishers are made at a time: each may wait a moment for its subscriptions.
const opening = 16

// open makes the publishers that are needed from the beginning: one for each stream, and more where several were there at the
// same time. When the participant can have no more, the rest are made when their first message comes.
func (pl *player) open(ctx context.Context) error {
	order := slices.Clone(pl.set.streams)
	for _, st := range pl.set.streams {
		for range st.needed() - 1 {
			order = append(order, st)
		}
	}
	pl.opened = len(order)
	made := make([]*replayPublisher, len(order))
	errs := make([]error, len(order))
	var wg sync.WaitGroup
	turns := make(chan struct{}, opening)
	for i, st := range order {
		turns <- struct{}{}
		wg.Go(func() {
			defer func() { <-turns }()
			made[i], errs[i] = pl.newPublisher(st)
		})
	}
	wg.Wait()
	for _, p := range made {
		if p != nil {
			p.stream.publishers = append(p.stream.publishers, p)
		}
	}
	if err := firstOf(slices.DeleteFunc(errs, isFull)); err != nil {
		return err
	}
	return pl.awaitSubscribers(ctx)
}

// firstOf is the first error that there is, and how many more there are.
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

// isFull reports whether a participant has as many publishers and subscriptions as it can have.
func isFull(err error) bool {
	var limit *registry.LimitError
	return errors.As(err, &limit) && limit.Limit == registry.MaxEntities
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
		for _, p := range st.publishers {
			if err := p.WaitSubscribers(ctx, pl.opts.WaitSubscribers); err != nil {
				return fmt.Errorf("wait for %d subscriptions to %s, which has %d: %w", pl.opts.WaitSubscribers, st.topic.played, p.Subscribers(), err)
			}
		}
	}
	return nil
}

func (pl *player) newPublisher(st *replayStream) (*replayPublisher, error) {
	largest := int(min(st.largest, math.MaxInt))
	opts := &topic.PublisherOptions[[]byte]{
		Codec: serde.Opaque(st.kind), Depth: depthFor(st.largest, st.messages, pl.opened), Latched: st.latched, Metadata: st.metadata,
	}
	const usual = 256 << 20
	if largest > usual {
		opts.MaxPayload = largest
		opts.MemoryLimit = 8 * int64(largest)
	}
	p, err := topic.NewPublisher(pl.participant, st.topic.played, opts)
	if err != nil {
		return nil, fmt.Errorf("publish %s: %w", st.topic.played, err)
	}
	return &replayPublisher{Publisher: p, stream: st}, nil
}

// depthFor returns how many samples a ring should hold, when there are so many rings. Deep rings help subscriptions that
// keep up only on average, when messages that were recorded far apart come in one burst. So it is many, up to 1024, as long
// as the rings together take no more than 512 MiB and each no more than 16 MiB; and 64 in any case, unless those take more
// than 128 MiB: of very large samples memory would run out before a ring were full.
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

// rewind makes the next pass begin: no publisher of the one before counts as there any more.
func (pl *player) rewind() {
	clear(pl.sources)
	for _, st := range pl.set.streams {
		for _, p := range st.publishers {
			p.holder = nil
		}
		st.left, st.topic.nextEnd = st.messages, math.MaxUint64
	}
}

// publisherFor returns the publisher for a message, and closes those of its topic that are gone now and have a latched sample.
func (pl *player) publisherFor(m *mcapfile.Message) (*replayPublisher, error) {
	src := pl.source(m)
	if m.LogTime > src.ended {
		src.ended = math.MaxUint64 // the recording says that it was gone, and is wrong
	}
	t := src.stream.topic
	known := src.by != nil && (src.by.holder == src || !src.stream.latched) && src.by.Publisher != nil
	if known && m.LogTime <= t.nextEnd {
		return src.by, nil
	}
	if !known {
		var err error
		if src.by, err = pl.seat(src, m.LogTime); err != nil {
			return nil, err
		}
	}
	if t.latched {
		t.closeGone(src, m.LogTime)
	}
	return src.by, nil
}

// seat finds or makes a publisher for a source.
func (pl *player) seat(src *replaySource, t uint64) (*replayPublisher, error) {
	st := src.stream
	var oldest *replayPublisher
	for _, p := range st.publishers {
		if p.holder == nil || p.holder.gone(src, t) {
			p.holder = src
			return p, nil
		}
		if oldest == nil || p.used < oldest.used {
			oldest = p
		}
	}
	if len(st.publishers) >= st.seats {
		return oldest, nil
	}
	p, err := pl.newPublisher(st)
	for isFull(err) && pl.closeOldest() {
		p, err = pl.newPublisher(st)
	}
	if err != nil {
		return nil, err
	}
	p.holder = src
	st.publishers = append(st.publishers, p)
	return p, nil
}

// closeOldest closes a publisher to make room for another: one without a latched sample if there is one, of those one that has
// no more to publish in this pass, and of those the one that was not used for the longest time.
func (pl *player) closeOldest() bool {
	var oldest *replayPublisher
	before := func(p, q *replayPublisher) bool {
		if p.stream.latched != q.stream.latched {
			return q.stream.latched
		}
		if p.stream.left == 0 != (q.stream.left == 0) {
			return p.stream.left == 0
		}
		return p.used < q.used
	}
	for _, st := range pl.set.streams {
		for _, p := range st.publishers {
			if oldest == nil || before(p, oldest) {
				oldest = p
			}
		}
	}
	if oldest == nil {
		return false
	}
	oldest.stream.remove(oldest)
	return true
}

func (st *replayStream) remove(p *replayPublisher) {
	st.publishers = slices.DeleteFunc(st.publishers, func(q *replayPublisher) bool { return p == q })
	p.Close()
	p.Publisher = nil
}

// closeGone closes the topic's latched publishers whose sources are gone now that src publishes: a late subscriber must not get
// their samples beside that of src.
func (t *replayTopic) closeGone(src *replaySource, now uint64) {
	t.nextEnd = math.MaxUint64
	for _, st := range t.streams {
		if !st.latched {
			continue
		}
		for _, p := range slices.Clone(st.publishers) {
			switch {
			case p == src.by || p.used == 0:
			case p.holder == nil || p.holder.gone(src, now):
				st.remove(p)
			case !p.holder.presumed:
				t.nextEnd = min(t.nextEnd, p.holder.ended)
			}
		}
	}
	if p := src.by; src.stream.latched && p.holder == src && !src.presumed {
		t.nextEnd = min(t.nextEnd, src.ended)
	}
}

// close lets the publishers go. What is in their rings stays readable for the subscriptions they have.
func (pl *player) close() {
	for _, st := range pl.set.streams {
		for _, p := range st.publishers {
			p.Close()
		}
	}
}
