package record

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/shmbus/shmbus/topic"
)

// A player publishes the messages of a replay. It is for one goroutine, except its figures.
type player struct {
	files       *playFiles
	opts        *PlayOptions
	participant *topic.Participant
	set         *streamSet
	sources     map[sourceKey]*replaySource // of this pass
	repeats     repeats
	opened      int // number of publishers that share the memory for rings, including those not yet created
	figures     figures
	spacing     spacing
	lateness    lateness
	originals   *playOriginals
	clock       *playClock  // nil without a clock topic
	lockStep    *lockStep   // nil without lock-step
	calls       *callPlayer // nil: no requests are sent
	stamps      originalStamps
	from, to    uint64 // the window that is played; to is not in it
	rate        float64
	max         bool // as fast as possible, whatever the rate is
	loops       uint64
	starved     uint64
	start       time.Time
	took        time.Duration
}

func newPlayer(p *topic.Participant, files *playFiles, set *streamSet, opts *PlayOptions) *player {
	pl := &player{
		files: files, opts: opts, participant: p, set: set, sources: make(map[sourceKey]*replaySource), repeats: make(repeats),
		spacing: newSpacing(), lateness: newLateness(), stamps: newOriginalStamps(),
		rate: opts.Rate, max: opts.Max,
	}
	pl.from, pl.to = opts.window().resolve(files)
	pl.calls = newCallPlayer(p, files, opts)
	total := files.messages
	for _, c := range files.calls() {
		total -= c.Messages
	}
	if pl.from <= files.first && pl.to > files.last {
		pl.figures.total.Store(total)
	}
	pl.figures.topics.Store(int64(len(set.topics)))
	return pl
}

// firstTime is the time at which the window begins.
func (pl *player) firstTime() uint64 { return max(pl.from, pl.files.first) }

// elapsed is a time since the beginning of the window. A seek may lead to before it.
func (pl *player) elapsed(t uint64) uint64 { return t - min(t, pl.firstTime()) }

func (pl *player) play(ctx context.Context) error {
	pl.start = time.Now()
	defer func() { pl.took = time.Since(pl.start) }()
	c := pl.opts.Control
	length := min(pl.to, pl.files.last) - min(pl.firstTime(), pl.files.last, pl.to)
	pl.figures.length.Store(int64(length))
	c.begin(pl.opts, duration(length))
	defer c.end()
	if pl.opts.Delay > 0 {
		if err := sleepUntil(ctx, pl.start.Add(pl.opts.Delay), nil, 0); err != nil {
			return err
		}
	}
	for {
		published, err := pl.pass(ctx)
		if errors.Is(err, errStopped) {
			ended, cancel := context.WithCancel(ctx)
			cancel()
			pl.calls.finish(ended)
			return nil
		}
		if err != nil {
			return err
		}
		pl.loops++
		c.update(func(s *PlayStatus) { s.Passes = pl.loops })
		if !pl.opts.Loop || !published {
			break
		}
	}
	pl.calls.finish(ctx)
	if pl.opts.WaitTaken {
		return pl.awaitTaken(ctx)
	}
	return nil
}

func (pl *player) publish(ctx context.Context, m *playMessage) (*replayPublisher, error) {
	p, err := pl.publisherFor(ctx, m)
	if err != nil {
		return nil, err
	}
	if err := pl.originals.announce(ctx, p, m); err != nil {
		return nil, err
	}
	if pl.opts.OriginalStamps {
		_, err = p.PublishAt(ctx, m.Data, pl.stamps.stamp(m.PublishTime))
	} else {
		_, err = p.Publish(ctx, m.Data)
	}
	if err != nil {
		return nil, err
	}
	p.lastUsed = pl.figures.messages.Add(1)
	p.stream.left--
	t := p.stream.topic
	t.messages++
	t.bytes += uint64(len(m.Data))
	pl.figures.bytes.Add(uint64(len(m.Data)))
	return p, nil
}

// progress is the number of messages that were published or taken for calls.
func (pl *player) progress() uint64 {
	n := pl.figures.messages.Load()
	if pl.calls != nil {
		n += pl.calls.taken
	}
	return n
}

// latched reports whether a message is on a latched topic.
func (pl *player) latched(m *playMessage) bool {
	c := pl.set.channels[m.Channel]
	return c != nil && c.stream.latched
}

func (pl *player) summarise(s *Summary) {
	s.Messages, s.Bytes = pl.figures.messages.Load(), pl.figures.bytes.Load()
	s.Duration, s.Loops, s.Spacing = pl.took, pl.loops, pl.spacing.result()
	s.Lateness, s.Skipped, s.Starved = pl.lateness.result(), pl.lateness.skipped, pl.starved
	s.Services = pl.calls.summaries()
	if pl.calls != nil && pl.calls.damage != nil && s.Damage == nil {
		s.Damage = pl.calls.damage
	}
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
