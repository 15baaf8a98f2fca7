package meeting

import (
	"context"
	"time"

	"github.com/shmbus/shmbus/cmd/shmperf/internal/board"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/distribution"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/pace"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/stage"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/usage"
	"github.com/shmbus/shmbus/internal/clock"
	"github.com/shmbus/shmbus/internal/subproc"
	"github.com/shmbus/shmbus/topic"
)

// The names of the roles.
const (
	Publisher  = "meeting-publisher"
	Subscriber = "meeting-subscriber"
	Watcher    = "meeting-watcher"
	Victim     = "meeting-victim"
)

const name = "perf/meeting"

// An Order says what to measure.
type Order struct {
	stage.Where
	Count    uint64        `json:"count"`
	Warm     uint64        `json:"warm"`
	Duration time.Duration `json:"duration"` // 0: until Count is reached
}

// Matches is what a publisher found that came again and again to a subscriber that waited.
type Matches struct {
	Count uint64                    `json:"count"`
	Usage usage.Usage               `json:"usage"`
	Seen  *distribution.Percentiles `json:"seen"` // until the subscriber knew
	Made  *distribution.Percentiles `json:"made"` // by NewPublisher
}

// Match measures on a stage how soon a waiting subscriber has a new publisher: from before NewPublisher until WaitPublishers
// returned. Publishers of a topic come one after the other, each when the one before is gone.
func Match(st *stage.Stage, o Order) (Matches, error) {
	o.Where = st.Where()
	subscriber, err := st.Ready(Subscriber, o)
	if err != nil {
		return Matches{}, err
	}
	publisher, err := st.Crew.Start(Publisher, o)
	if err != nil {
		return Matches{}, err
	}
	var m Matches
	var used usage.Usage
	if err := publisher.Next(&m); err != nil {
		return Matches{}, err
	}
	if err := subscriber.Next(&used); err != nil {
		return Matches{}, err
	}
	m.Usage = m.Usage.Plus(used)
	return m, stage.Finish(publisher, subscriber)
}

// The seats of the subscriber: in one it says that a publisher came, in the other that it went.
const (
	came = iota
	went
)

// Publish is the role of the process whose publishers come and go.
func Publish(ctx context.Context, d *subproc.Parent) error {
	return stage.Play(ctx, d, "publisher", func(ctx context.Context, at *stage.Post[Order]) (any, error) {
		return at.Order.comeAndGo(ctx, at.Board, at.Participant)
	})
}

func (o *Order) comeAndGo(ctx context.Context, b *board.Board, p *topic.Participant) (Matches, error) {
	c, seen, made := clock.New(), distribution.NewRecorder(), distribution.NewRecorder()
	var before usage.Usage
	began := int64(0)
	n := uint64(0)
	for last := false; !last; {
		n++
		if n == o.Warm+1 {
			seen.Reset()
			made.Reset()
			var err error
			if before, err = usage.Now(); err != nil {
				return Matches{}, err
			}
			began = c.Now()
		}
		late := o.Duration > 0 && n > o.Warm && time.Duration(c.Now()-began) >= o.Duration
		if last = late || o.Count > 0 && n == o.Warm+o.Count; last {
			b.Last().Store(n)
		}
		start := c.Now()
		pub, err := topic.NewPublisher[[]byte](p, name, nil)
		if err != nil {
			return Matches{}, err
		}
		made.Record(c.Now() - start)
		if err := pace.Awaited(ctx, b.Seat(came).Got, n); err != nil {
			return Matches{}, err
		}
		seen.Record(int64(b.Seat(came).Delay.Load()) - start)
		if err := pub.Close(); err != nil {
			return Matches{}, err
		}
		if err := pace.Awaited(ctx, b.Seat(went).Got, n); err != nil {
			return Matches{}, err
		}
	}
	after, err := usage.Now()
	return Matches{Count: n - o.Warm, Usage: after.Since(before), Seen: seen.Result(), Made: made.Result()}, err
}

// Subscribe is the role of the process that waits for publishers.
func Subscribe(ctx context.Context, d *subproc.Parent) error {
	return stage.Play(ctx, d, "subscriber", func(ctx context.Context, at *stage.Post[Order]) (any, error) {
		sub, err := topic.NewSubscriber[[]byte](at.Participant, name, nil)
		if err != nil {
			return nil, err
		}
		if err := at.Ready(); err != nil {
			return nil, err
		}
		return at.Order.await(ctx, at.Board, sub)
	})
}

func (o *Order) await(ctx context.Context, b *board.Board, sub *topic.Subscriber[[]byte]) (usage.Usage, error) {
	c := clock.New()
	before, err := usage.Now()
	if err != nil {
		return usage.Usage{}, err
	}
	for n := uint64(1); ; n++ {
		if err := sub.WaitPublishers(ctx, 1); err != nil {
			return usage.Usage{}, err
		}
		b.Seat(came).Delay.Store(uint64(c.Now())) // a stamp here
		b.Seat(came).Got.Store(n)
		for sub.Publishers() > 0 {
			sub.TryReceive() // notices that a publisher ended; there is nothing to receive
			if ctx.Err() != nil {
				return usage.Usage{}, ctx.Err()
			}
			time.Sleep(100 * time.Microsecond)
		}
		if n == o.Warm {
			if before, err = usage.Now(); err != nil {
				return usage.Usage{}, err
			}
		}
		b.Seat(went).Got.Store(n)
		if last := b.Last().Load(); last != 0 && n >= last {
			break
		}
	}
	after, err := usage.Now()
	return after.Since(before), err
}
