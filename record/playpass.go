package record

import (
	"context"
	"fmt"
	"math"
	"time"
)

// A playPass is one pass over the messages.
type playPass struct {
	*player
	schedule *schedule
	begin    time.Time
	position uint64 // time of the last message
	lastDue  time.Duration
	lastAt   time.Duration
	timed    bool // lastDue and lastAt are those of the message before
}

// pass plays the files once and reports whether it published anything.
func (pl *player) pass(ctx context.Context) (published bool, err error) {
	pl.rewind()
	p := &playPass{player: pl, schedule: newSchedule(pl.files.start, pl.opts), begin: time.Now(), position: pl.files.first}
	p.schedule.rate = pl.rate
	from := pl.from
	if from > 0 {
		if err := pl.restore(ctx, from); err != nil {
			return false, err
		}
	}
	for {
		p.schedule.jump(p.now())
		before := pl.progress()
		seek, err := p.run(ctx, from)
		published = published || pl.progress() > before
		if err != nil || seek == nil {
			return published, err
		}
		from = seek.at
		err = pl.seek(ctx, from)
		p.position = from
		pl.opts.Control.update(func(s *PlayStatus) { s.Position, s.Time = duration(pl.elapsed(from)), wallTime(from) })
		seek.done <- err
		if err != nil {
			return published, err
		}
	}
}

func (p *playPass) now() time.Duration { return time.Since(p.begin) }

// run plays the messages from a time on. It ends early with a seek.
func (p *playPass) run(ctx context.Context, from uint64) (*playSeek, error) {
	ctx, cancel := context.WithCancel(ctx)
	ahead := readAhead(ctx, p.files, from)
	defer func() {
		cancel()
		ahead.drain()
		p.starved += ahead.starved
	}()
	for {
		m, err := ahead.next(ctx)
		if err != nil {
			return nil, err
		}
		if m == nil || m.time >= p.to {
			return p.awaitEnd(ctx)
		}
		if m.time < from || p.repeats.isRepeated(m, p.latched(m)) {
			ahead.done(m)
			continue
		}
		verdict, seek, err := p.await(ctx, m)
		if err != nil || seek != nil {
			return seek, err
		}
		if verdict == skipMessage {
			p.lateness.skipped++
			p.opts.Control.update(func(s *PlayStatus) { s.Skipped++ })
		} else if err := p.publishNext(ctx, m); err != nil {
			return nil, fmt.Errorf("publish the message of %v on %s: %w", wallTime(m.LogTime), quote(m.Channel.Topic), err)
		}
		ahead.done(m)
	}
}

func (p *playPass) publishNext(ctx context.Context, m *playMessage) error {
	if err := p.clock.publish(ctx, m.time); err != nil {
		return err
	}
	var pub *replayPublisher
	var err error
	waits := false
	if isCall(m.Channel) {
		err = p.calls.take(ctx, &m.Message)
	} else if waits, err = p.beginStep(ctx, m); err == nil {
		pub, err = p.publish(ctx, m)
	}
	if err != nil {
		return err
	}
	p.position = m.time
	p.figures.position.Store(int64(p.elapsed(m.time)))
	if c := p.opts.Control; c != nil {
		c.update(func(s *PlayStatus) {
			s.Position, s.Time, s.Messages = duration(p.elapsed(m.time)), wallTime(m.time), s.Messages+1
		})
		c.stepped(m.Channel.Topic)
	}
	if !waits {
		return nil
	}
	return p.lockStep.endStep(ctx, pub)
}

// A verdict says what becomes of a message.
type verdict bool

const (
	publishMessage verdict = false
	skipMessage    verdict = true
)

// await returns when a message is to be published or skipped, or with a seek that leaves it out.
func (p *playPass) await(ctx context.Context, m *playMessage) (verdict, *playSeek, error) {
	c := p.opts.Control
	due := p.schedule.due(m.time)
	gapReported := false
	for {
		o := c.orders(ctx)
		now := p.now()
		if o.rate > 0 {
			p.setRate(o.rate, now)
			due = p.schedule.scaled()
		}
		switch {
		case o.err != nil:
			return publishMessage, nil, o.err
		case o.stop:
			return publishMessage, nil, errStopped
		case o.seek != nil && o.seek.refuses(p.position, p.files.first, p.lastTime()):
			continue
		case o.seek != nil:
			return publishMessage, o.seek, nil
		case o.step:
			p.timed = false
			p.schedule.reach(now)
			return publishMessage, nil, nil
		case o.paused:
			if err := waitFor(ctx, c.changes()); err != nil {
				return publishMessage, nil, err
			}
			p.timed = false
			p.schedule.slow(p.now() - now)
			due = p.schedule.scaled()
			continue
		case p.max:
			return publishMessage, nil, nil
		case now >= due:
			return p.late(m, due, now), nil, nil
		}
		until := due
		if tick, ok := p.clock.tick(p.recordingTime(m, due, now), now, due, p.schedule.rate); ok {
			until = tick
		}
		gapReported = p.reportGap(due, now, gapReported)
		if err := sleepUntil(ctx, p.begin.Add(until), c.changes(), p.opts.Spin); err != nil {
			return publishMessage, nil, err
		}
	}
}

// lastTime is the time of the last message that can be played.
func (p *playPass) lastTime() uint64 { return min(p.files.last, p.to-min(p.to, 1)) }

// recordingTime is the time of the recording at the present moment, of which m is the next message.
func (p *playPass) recordingTime(m *playMessage, due, now time.Duration) uint64 {
	left := uint64(min(float64(due-now)*p.schedule.rate, math.MaxInt64/2))
	return m.time - min(left, m.time-min(p.position, m.time))
}

// waitFor waits for a change, or for the end of ctx.
func waitFor(ctx context.Context, changes <-chan struct{}) error {
	select {
	case <-changes:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *playPass) setRate(rate float64, now time.Duration) {
	wasMax := p.max
	if p.max = isMax(rate); p.max {
		return
	}
	if wasMax {
		p.schedule.reach(now) // the recording is ahead of the schedule, which would wait for that
	}
	p.rate = rate
	p.schedule.setRate(rate, now)
	p.timed = false
}

// late is called when a message is due, and counts by how much it is late.
func (p *playPass) late(m *playMessage, due, now time.Duration) verdict {
	if p.timed {
		p.spacing.add((now - p.lastAt) - (due - p.lastDue))
	}
	p.lastDue, p.lastAt, p.timed = due, now, true
	late := now - due
	p.lateness.add(late)
	if late <= p.opts.LateAfter {
		return publishMessage
	}
	switch p.opts.Late {
	case LateSlow:
		p.schedule.slow(late)
		p.lastDue += late
	case LateSkip:
		if !p.latched(m) && !isCall(m.Channel) {
			return skipMessage
		}
	}
	return publishMessage
}

// longGap is the shortest wait that PlayOptions.LongGap reports.
const longGap = time.Minute

// reportGap makes the wait until due visible. It reports a long one once.
func (p *playPass) reportGap(due, now time.Duration, reported bool) bool {
	when := p.begin.Add(due)
	p.figures.due.Store(&when)
	if gap := due - now; !reported && gap >= longGap && p.opts.LongGap != nil {
		p.opts.LongGap(gap)
		return true
	}
	return reported
}

// awaitEnd returns at the end of a pass: with Loop, when the next one may begin. While the replay is paused it can be sought.
func (p *playPass) awaitEnd(ctx context.Context) (*playSeek, error) {
	due := p.now()
	if p.opts.Loop && !p.max {
		rest := uint64(0)
		if p.from == 0 && p.to == math.MaxUint64 {
			rest = (p.files.last - p.files.first) - (p.files.end - p.files.start)
		}
		due = p.schedule.end(rest)
	}
	gapReported := false
	for {
		o := p.opts.Control.orders(ctx)
		now := p.now()
		if o.rate > 0 {
			p.setRate(o.rate, now)
			due = p.schedule.scaled()
		}
		switch {
		case o.err != nil:
			return nil, o.err
		case o.stop:
			return nil, errStopped
		case o.seek != nil && o.seek.refuses(p.position, p.files.first, p.lastTime()):
			continue
		case o.seek != nil:
			return o.seek, nil
		case now >= due || p.max || !p.opts.Loop:
			return nil, nil
		}
		gapReported = p.reportGap(due, now, gapReported)
		if err := sleepUntil(ctx, p.begin.Add(due), p.opts.Control.changes(), 0); err != nil {
			return nil, err
		}
	}
}
