package workload

import (
	"context"
	"fmt"
	"time"

	"github.com/shmbus/shmbus/cmd/shmperf/internal/harness"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/measure"
	"github.com/shmbus/shmbus/topic"
)

// The names of the roles.
const (
	hopProcess   = "hop-process"
	hopPublisher = "hop-publisher"
)

func hopTopic(i int) string { return fmt.Sprintf("perf/hop/%d", i) }

// A Hop is two goroutines that exchange messages over channels in a process with waiting receivers. The time from one goroutine to
// the other shows what the receivers cost the rest of their process. Both processes get it as their request.
type Hop struct {
	harness.Location
	Receivers int           `json:"receivers"` // goroutines that wait, each for a topic of its own
	Topics    int           `json:"topics"`    // that are published, with or without receivers
	Procs     int           `json:"procs"`     // GOMAXPROCS of the process with the receivers
	Rate      float64       `json:"rate"`      // messages per second and topic, 0: none
	Size      int           `json:"size"`
	Wait      string        `json:"wait"`
	Pause     time.Duration `json:"pause"`    // before each two hops
	Count     uint64        `json:"count"`    // hops after the warm-up, 0: until Duration ends
	Warm      uint64        `json:"warm"`     // hops of the warm-up
	Duration  time.Duration `json:"duration"` // 0: until Count is reached
}

// A HopResult is the figures of the process with the receivers.
type HopResult struct {
	Count    uint64               `json:"count"`
	Seconds  float64              `json:"seconds"`
	Hops     *measure.Percentiles `json:"hops"`
	Received uint64               `json:"received"` // messages during the measurement, by all receivers
	Usage    measure.Usage        `json:"usage"`
}

// Run measures in an environment in parent.
func (h Hop) Run(ctx context.Context, parent string) (r HopResult, err error) {
	err = harness.Run(ctx, parent, func(env *harness.Environment) error {
		h.Location = env.Location()
		process, err := env.StartReady(hopProcess, h)
		if err != nil {
			return err
		}
		publisher, err := env.StartReady(hopPublisher, h)
		if err != nil {
			return err
		}
		if err := process.Send("begin"); err != nil {
			return err
		}
		if err := process.Next(&r); err != nil {
			return err
		}
		return harness.Finish(process, publisher)
	})
	return r, err
}

// publishHop publishes the topics, or has them and does not publish.
func publishHop(ctx context.Context, w *harness.Worker[Hop]) (any, error) {
	h := w.Request
	all := make([]*topic.Publisher[[]byte], h.Topics)
	for i := range all {
		opts := topic.PublisherOptions[[]byte]{InitialSampleSize: h.Size}
		var err error
		if all[i], err = topic.NewPublisher(ctx, w.Participant, hopTopic(i), &opts); err != nil {
			return nil, err
		}
	}
	for _, pub := range all[:h.Receivers] {
		if err := pub.WaitSubscribers(ctx, 1); err != nil {
			return nil, err
		}
	}
	if err := w.Ready(); err != nil || h.Rate == 0 {
		return nil, err
	}
	payload, pace := make([]byte, h.Size), measure.NewPace(h.Rate)
	for pace.Wait(ctx) == nil {
		for _, pub := range all {
			if _, err := pub.Publish(ctx, payload); err != nil && ctx.Err() == nil {
				return nil, err
			}
		}
	}
	return nil, nil
}
