package lastvalue

import (
	"context"
	"time"

	"github.com/shmbus/shmbus/cmd/shmperf/internal/pace"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/stage"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/usage"
	"github.com/shmbus/shmbus/internal/clock"
	"github.com/shmbus/shmbus/internal/subproc"
	"github.com/shmbus/shmbus/topic"
)

// Write is the role of the writer.
func Write(ctx context.Context, d *subproc.Parent) error { return stage.Play(ctx, d, "writer", write) }

func write(ctx context.Context, at *stage.Post[Order]) (any, error) {
	o, c := at.Order, clock.New()
	opts := topic.PublisherOptions[[]byte]{Depth: o.Depth, InitialSampleSize: o.Size, Latched: true}
	pub, err := topic.NewPublisher(at.Participant, name, &opts)
	if err != nil {
		return nil, err
	}
	if err := pub.WaitSubscribers(ctx, o.Readers); err != nil {
		return nil, err
	}
	value, n := make([]byte, o.Size), uint64(0)
	update := func() error {
		n++
		fill(value, n)
		_, err := pub.Publish(ctx, value)
		return err
	}
	for range o.Warm {
		if err := update(); err != nil {
			return nil, err
		}
	}
	for i := range o.Readers {
		if err := pace.Set(ctx, at.Board.Seat(i).Warm); err != nil {
			return nil, err
		}
	}
	before, err := usage.Now()
	if err != nil {
		return nil, err
	}
	phase, _ := at.Board.Line()
	began := c.Now()
	phase.Store(measured)
	for last := false; !last; {
		if err := update(); err != nil {
			return nil, err
		}
		last = o.Count > 0 && n == o.Warm+o.Count ||
			o.Duration > 0 && n%every == 0 && time.Duration(c.Now()-began) >= o.Duration
	}
	took := c.Now() - began
	phase.Store(over)
	after, err := usage.Now()
	return Written{Count: n - o.Warm, Seconds: float64(took) / 1e9, Usage: after.Since(before)}, err
}

// every is how many updates come between two looks at the clock.
const every = 256

// The values of the word that begins and ends a measurement.
const (
	warming uint32 = iota
	measured
	over
)
