package workload

import (
	"context"
	"time"

	"github.com/shmbus/shmbus/cmd/shmperf/internal/harness"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/measure"
	"github.com/shmbus/shmbus/internal/clock"
	"github.com/shmbus/shmbus/topic"
)

func writeValues(ctx context.Context, w *harness.Worker[LastValue]) (any, error) {
	o, c := w.Request, clock.New()
	opts := topic.PublisherOptions[[]byte]{Depth: o.Depth, InitialSampleSize: o.Size, Latched: true}
	pub, err := topic.NewPublisher(ctx, w.Participant, lastValueTopic, &opts)
	if err != nil {
		return nil, err
	}
	if err := pub.WaitSubscribers(ctx, o.Readers); err != nil {
		return nil, err
	}
	value, n := make([]byte, o.Size), uint64(0)
	update := func() error {
		n++
		fillValue(value, n)
		_, err := pub.Publish(ctx, value)
		return err
	}
	for range o.Warm {
		if err := update(); err != nil {
			return nil, err
		}
	}
	if err := harness.AwaitWarm(ctx, w.Page.Receivers(o.Readers)...); err != nil {
		return nil, err
	}
	before, err := measure.ReadUsage()
	if err != nil {
		return nil, err
	}
	phase, _ := w.Page.Signal()
	began := c.Now()
	phase.Store(phaseMeasure)
	for last := false; !last; {
		if err := update(); err != nil {
			return nil, err
		}
		last = o.Count > 0 && n == o.Warm+o.Count ||
			o.Duration > 0 && n%messagesPerClockRead == 0 && time.Duration(c.Now()-began) >= o.Duration
	}
	took := c.Now() - began
	phase.Store(phaseEnd)
	after, err := measure.ReadUsage()
	return LastValueWritten{Count: n - o.Warm, Seconds: float64(took) / 1e9, Usage: after.Since(before)}, err
}
