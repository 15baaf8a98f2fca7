package record

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/shmbus/shmbus/record/mcapfile"
	"github.com/shmbus/shmbus/topic"
)

// A player publishes the messages of a plan. It is for one goroutine, except its figures.
type player struct {
	plan        *mcapfile.Plan
	opts        *PlayOptions
	participant *topic.Participant
	set         *streamSet
	attribution *attribution
	sources     map[sourceKey]*replaySource // of this pass
	opened      int                         // number of publishers that share the memory for rings, including those not yet created
	figures     figures
	spacing     spacing
	loops       uint64
	start       time.Time
	took        time.Duration
}

func newPlayer(p *topic.Participant, plan *mcapfile.Plan, set *streamSet, opts *PlayOptions) *player {
	pl := &player{
		plan: plan, opts: opts, participant: p, set: set, attribution: newAttribution(), sources: make(map[sourceKey]*replaySource), spacing: newSpacing(),
	}
	for _, m := range plan.Stats.Metadata {
		// After an invalid record its messages have no known publisher.
		_ = pl.attribution.add(m)
	}
	pl.figures.total.Store(plan.Messages)
	pl.figures.topics.Store(int64(len(set.topics)))
	return pl
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
	pl.rewind()
	s := newSchedule(pl.plan, pl.opts)
	begin := time.Now()
	var lastDue, lastAt time.Duration
	for n := uint64(0); ; n++ {
		m, err := ahead.next(ctx)
		if err != nil {
			return err
		}
		if m == nil {
			if pl.opts.Loop && !pl.opts.Max {
				_, err = pl.wait(ctx, begin, s.end())
			}
			return err
		}
		if !pl.opts.Max {
			due := s.due(m.LogTime)
			at, err := pl.wait(ctx, begin, due)
			if err != nil {
				return err
			}
			if n > 0 {
				pl.spacing.add((at - lastAt) - (due - lastDue))
			}
			lastDue, lastAt = due, at
		}
		if err := pl.publish(ctx, m); err != nil {
			return fmt.Errorf("publish message %d, on %s: %w", n+1, quote(m.Channel.Topic), err)
		}
		ahead.done(m)
	}
}

func (pl *player) publish(ctx context.Context, m *mcapfile.Message) error {
	p, err := pl.publisherFor(ctx, m)
	if err != nil {
		return err
	}
	if _, err := p.Publish(ctx, m.Data); err != nil {
		return err
	}
	p.lastUsed = pl.figures.messages.Add(1)
	p.stream.left--
	t := p.stream.topic
	t.messages++
	t.bytes += uint64(len(m.Data))
	pl.figures.bytes.Add(uint64(len(m.Data)))
	return nil
}

// longGap is the shortest wait that PlayOptions.LongGap reports.
const longGap = time.Minute

// wait returns at the due time, or at once if it has passed. It returns the time since begin.
func (pl *player) wait(ctx context.Context, begin time.Time, due time.Duration) (time.Duration, error) {
	at := time.Since(begin)
	if at >= due {
		return at, ctx.Err()
	}
	if gap := due - at; gap >= longGap && pl.opts.LongGap != nil {
		pl.opts.LongGap(gap)
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
	for _, st := range pl.set.streams {
		t := topics[st.topic.played]
		if t == nil {
			t = &TopicSummary{Topic: st.topic.played, Messages: st.topic.messages, Bytes: st.topic.bytes}
			topics[st.topic.played] = t
		}
		t.Type, t.Encoding = st.kind.Name, st.kind.Encoding
	}
	for _, name := range slices.Sorted(maps.Keys(topics)) {
		s.Topics = append(s.Topics, *topics[name])
	}
}
