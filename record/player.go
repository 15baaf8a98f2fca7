package record

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/shmbus/shmbus/record/mcapfile"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/topic"
)

// A player publishes what is in a plan. It is for one goroutine, except its figures.
type player struct {
	plan    *mcapfile.Plan
	opts    *PlayOptions
	voices  map[*mcapfile.Channel]*voice
	figures figures
	spacing spacing
	loops   uint64
	start   time.Time
	took    time.Duration
}

// A voice publishes one channel.
type voice struct {
	publisher *topic.Publisher[[]byte]
	plan      *mcapfile.ChannelPlan
	messages  uint64
	bytes     uint64
}

func newPlayer(plan *mcapfile.Plan, opts *PlayOptions) *player {
	pl := &player{plan: plan, opts: opts, voices: make(map[*mcapfile.Channel]*voice), spacing: newSpacing()}
	pl.figures.total.Store(plan.Messages)
	for i := range plan.Channels {
		pl.voices[plan.Channels[i].Channel] = &voice{plan: &plan.Channels[i]}
	}
	topics := make(map[string]bool)
	for _, c := range plan.Channels {
		topics[c.Topic] = true
	}
	pl.figures.topics.Store(int64(len(topics)))
	return pl
}

// opening is how many publishers are made at a time: each may wait a moment for its subscriptions.
const opening = 16

// open makes the publishers and waits for the subscriptions that are asked for.
func (pl *player) open(ctx context.Context, p *topic.Participant) error {
	if pl.opts.WaitTimeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, pl.opts.WaitTimeout)
		defer cancel()
	}
	var wg sync.WaitGroup
	turns := make(chan struct{}, opening)
	errs := make([]error, len(pl.plan.Channels))
	for i := range pl.plan.Channels {
		turns <- struct{}{}
		wg.Go(func() {
			defer func() { <-turns }()
			errs[i] = pl.voices[pl.plan.Channels[i].Channel].open(p, len(pl.plan.Channels))
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil || pl.opts.WaitSubscribers == 0 {
		return err
	}
	for _, v := range pl.voices {
		if err := v.publisher.WaitSubscribers(ctx, pl.opts.WaitSubscribers); err != nil {
			return fmt.Errorf("wait for %d subscriptions to %s, which has %d: %w",
				pl.opts.WaitSubscribers, v.plan.Topic, v.publisher.Subscribers(), err)
		}
	}
	return nil
}

func (v *voice) open(p *topic.Participant, rings int) error {
	largest := int(min(v.plan.Largest, math.MaxInt))
	opts := &topic.PublisherOptions[[]byte]{
		Codec: serde.Opaque(typeOf(v.plan.Channel)), Depth: depthFor(v.plan.Largest, v.plan.Messages, rings), Latched: v.plan.Metadata[keyLatched] == "true",
	}
	const usual = 256 << 20
	if largest > usual {
		opts.MaxPayload = largest
		opts.MemoryLimit = 8 * int64(largest)
	}
	var err error
	if v.publisher, err = topic.NewPublisher(p, v.plan.Topic, opts); err != nil {
		return fmt.Errorf("publish %s: %w", v.plan.Topic, err)
	}
	return nil
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

// close lets the publishers go. What is in their rings stays readable for the subscriptions they have.
func (pl *player) close() {
	for _, v := range pl.voices {
		if v.publisher != nil {
			v.publisher.Close()
		}
	}
}

func (pl *player) play(ctx context.Context) error {
	pl.start = time.Now()
	defer func() { pl.took = time.Since(pl.start) }()
	for {
		if err := pl.pass(ctx); err != nil {
			return err
		}
		pl.loops++
		if !pl.opts.Loop || pl.plan.Messages == 0 {
			return nil
		}
	}
}

// pass plays the plan once.
func (pl *player) pass(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	ahead := readAhead(ctx, pl.plan)
	defer func() {
		cancel()
		ahead.drain()
	}()
	begin := time.Now()
	var lastDue, lastAt time.Duration
	for n := uint64(0); ; n++ {
		m, err := ahead.next(ctx)
		if err != nil || m == nil {
			return err
		}
		var at time.Duration
		if !pl.opts.Max {
			due := pl.due(m.LogTime)
			if at, err = pl.wait(ctx, begin, due); err != nil {
				return err
			}
			if n > 0 {
				pl.spacing.add((at - lastAt) - (due - lastDue))
			}
			lastDue, lastAt = due, at
		}
		v := pl.voices[m.Channel]
		if _, err := v.publisher.Publish(ctx, m.Data); err != nil {
			return fmt.Errorf("publish message %d, on %s: %w", n+1, m.Channel.Topic, err)
		}
		v.messages++
		v.bytes += uint64(len(m.Data))
		pl.figures.messages.Add(1)
		pl.figures.bytes.Add(uint64(len(m.Data)))
		ahead.done(m)
	}
}

// due returns when a message is to be published, counted from the beginning of the pass.
func (pl *player) due(logTime uint64) time.Duration {
	ns := float64(logTime-pl.plan.Start) / pl.opts.Rate
	return time.Duration(min(ns, math.MaxInt64/2))
}

// wait returns at that time, or at once when it is past, and says when it is.
func (pl *player) wait(ctx context.Context, begin time.Time, due time.Duration) (time.Duration, error) {
	at := time.Since(begin)
	if at >= due {
		return at, ctx.Err()
	}
	when := begin.Add(due)
	pl.figures.due.Store(&when)
	err := sleepUntil(ctx, when)
	return time.Since(begin), err
}

func (pl *player) summarise(s *Summary) {
	s.Messages, s.Bytes = pl.figures.messages.Load(), pl.figures.bytes.Load()
	s.Duration, s.Loops, s.Spacing = pl.took, pl.loops, pl.spacing.result()
	topics := make(map[string]*TopicSummary)
	for i := range pl.plan.Channels {
		c := &pl.plan.Channels[i]
		v := pl.voices[c.Channel]
		t := topics[c.Topic]
		if t == nil {
			t = &TopicSummary{Topic: c.Topic}
			topics[c.Topic] = t
		}
		t.Type, t.Encoding = c.SchemaName, c.Encoding
		t.Messages += v.messages
		t.Bytes += v.bytes
	}
	for _, name := range slices.Sorted(maps.Keys(topics)) {
		s.Topics = append(s.Topics, *topics[name])
	}
}
