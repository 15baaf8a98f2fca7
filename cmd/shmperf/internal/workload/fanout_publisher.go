package workload

import (
	"context"
	"time"

	"github.com/shmbus/shmbus/cmd/shmperf/internal/harness"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/measure"
	"github.com/shmbus/shmbus/topic"
)

// A fanOutPublisher is the state of the process that publishes.
type fanOutPublisher struct {
	FanOut
	clock     measure.Stopwatch
	receivers []harness.Receiver
	pub       *topic.Publisher[[]byte]
	payload   []byte
	pace      *measure.Pace
	cost      measure.Recorder
	last      measure.Recorder
}

func publishFanOut(ctx context.Context, w *harness.Worker[FanOut]) (any, error) {
	p := &fanOutPublisher{
		FanOut: w.Request, clock: measure.NewStopwatch(), cost: measure.NewRecorder(), last: measure.NewRecorder(),
		payload: make([]byte, w.Request.Size), receivers: w.Page.Receivers(w.Request.Subscribers),
	}
	var err error
	opts := topic.PublisherOptions[[]byte]{Depth: p.Depth, InitialSampleSize: p.Size}
	if p.pub, err = topic.NewPublisher(ctx, w.Participant, fanOutTopic, &opts); err != nil {
		return nil, err
	}
	if err := p.pub.WaitSubscribers(ctx, p.Subscribers); err != nil {
		return nil, err
	}
	return p.run(ctx, w.Page)
}

func (p *fanOutPublisher) run(ctx context.Context, page *harness.Page) (FanOutSent, error) {
	p.pace = measure.NewPace(p.Rate)
	for seq := uint64(1); seq <= p.Warm; seq++ {
		if err := p.message(ctx, seq); err != nil {
			return FanOutSent{}, err
		}
	}
	if err := harness.AwaitWarm(ctx, p.receivers...); err != nil {
		return FanOutSent{}, err
	}
	p.cost.Reset()
	p.last.Reset()
	p.pace = measure.NewPace(p.Rate)
	before, err := measure.ReadUsage()
	if err != nil {
		return FanOutSent{}, err
	}
	began := p.clock.Now()
	seq := p.Warm
	for last := false; !last; {
		seq++
		late := p.Duration > 0 && time.Duration(p.clock.Now()-began) >= p.Duration
		if last = late || p.Count > 0 && seq == p.Warm+p.Count; last {
			page.Last().Store(seq)
		}
		if err := p.message(ctx, seq); err != nil {
			return FanOutSent{}, err
		}
	}
	took := p.clock.Now() - began
	after, err := measure.ReadUsage()
	return FanOutSent{
		Count: seq - p.Warm, Seconds: float64(took) / 1e9, Usage: after.Since(before), Publish: p.cost.Result(), Last: p.last.Result(),
	}, err
}

// message publishes one message, waits until every subscriber has read it, and then for the next turn.
func (p *fanOutPublisher) message(ctx context.Context, seq uint64) error {
	began := p.clock.Now()
	if _, err := p.pub.Publish(ctx, p.payload); err != nil {
		return err
	}
	p.cost.Record(p.clock.Since(began))
	if p.Wait == WaitNone {
		return p.pace.Wait(ctx)
	}
	slowest, err := harness.AwaitDone(ctx, p.receivers, seq, p.Wait == WaitBlock)
	if err != nil {
		return err
	}
	p.last.Record(slowest)
	return p.pace.Wait(ctx)
}
