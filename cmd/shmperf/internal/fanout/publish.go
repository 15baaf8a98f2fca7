package fanout

import (
	"context"
	"time"

	"github.com/shmbus/shmbus/cmd/shmperf/internal/board"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/distribution"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/pace"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/pair"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/stage"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/stopwatch"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/usage"
	"github.com/shmbus/shmbus/internal/subproc"
	"github.com/shmbus/shmbus/topic"
)

// A publisher is the process that publishes.
type publisher struct {
	Order
	clock   stopwatch.Stopwatch
	seats   []board.Seat
	pub     *topic.Publisher[[]byte]
	payload []byte
	pace    *pace.Pace
	cost    distribution.Recorder
	last    distribution.Recorder
}

// Publish is the role of the publisher.
func Publish(ctx context.Context, d *subproc.Parent) error {
	return stage.Play(ctx, d, "publisher", publish)
}

func publish(ctx context.Context, at *stage.Post[Order]) (any, error) {
	p := &publisher{
		Order: at.Order, clock: stopwatch.New(), cost: distribution.NewRecorder(), last: distribution.NewRecorder(),
		payload: make([]byte, at.Order.Size),
	}
	for i := range p.Subscribers {
		p.seats = append(p.seats, at.Board.Seat(i))
	}
	var err error
	opts := topic.PublisherOptions[[]byte]{Depth: p.Depth, InitialSampleSize: p.Size}
	if p.pub, err = topic.NewPublisher(at.Participant, name, &opts); err != nil {
		return nil, err
	}
	if err := p.pub.WaitSubscribers(ctx, p.Subscribers); err != nil {
		return nil, err
	}
	return p.run(ctx, at.Board)
}

func (p *publisher) run(ctx context.Context, b *board.Board) (Sent, error) {
	p.pace = pace.New(p.Rate)
	for seq := uint64(1); seq <= p.Warm; seq++ {
		if err := p.message(ctx, seq); err != nil {
			return Sent{}, err
		}
	}
	for _, s := range p.seats {
		if err := pace.Set(ctx, s.Warm); err != nil {
			return Sent{}, err
		}
	}
	p.cost.Reset()
	p.last.Reset()
	p.pace = pace.New(p.Rate)
	before, err := usage.Now()
	if err != nil {
		return Sent{}, err
	}
	began := p.clock.Now()
	seq := p.Warm
	for last := false; !last; {
		seq++
		late := p.Duration > 0 && time.Duration(p.clock.Now()-began) >= p.Duration
		if last = late || p.Count > 0 && seq == p.Warm+p.Count; last {
			b.Last().Store(seq)
		}
		if err := p.message(ctx, seq); err != nil {
			return Sent{}, err
		}
	}
	took := p.clock.Now() - began
	after, err := usage.Now()
	return Sent{
		Count: seq - p.Warm, Seconds: float64(took) / 1e9, Usage: after.Since(before), Publish: p.cost.Result(), Last: p.last.Result(),
	}, err
}

// message publishes one message and waits until every subscriber has it, and for the next turn.
func (p *publisher) message(ctx context.Context, seq uint64) error {
	began := p.clock.Now()
	if _, err := p.pub.Publish(ctx, p.payload); err != nil {
		return err
	}
	p.cost.Record(p.clock.Since(began))
	if p.Wait == Absent {
		return p.pace.Wait(ctx)
	}
	slowest, err := pace.All(ctx, p.seats, seq, p.Wait == pair.Block)
	if err != nil {
		return err
	}
	p.last.Record(slowest)
	return p.pace.Wait(ctx)
}
