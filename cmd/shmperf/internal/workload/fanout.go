package workload

import (
	"context"
	"time"

	"github.com/shmbus/shmbus/cmd/shmperf/internal/harness"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/measure"
	"github.com/shmbus/shmbus/internal/subproc"
)

// The names of the roles.
const (
	FanOutPublisher  = "fanout-publisher"
	fanOutSubscriber = "fanout-subscriber"
)

// WaitNone is for a subscriber that is connected and never receives.
const WaitNone = "none"

const fanOutTopic = "perf/fanout"

// A FanOut is one publisher and many subscribers, each a process of its own: the cost of Publish, and the delay until the last
// subscriber has read a message. All processes get it as their request.
type FanOut struct {
	harness.Location
	Subscribers int           `json:"subscribers"`
	Index       int           `json:"index"` // of a subscriber
	Size        int           `json:"size"`
	Depth       int           `json:"depth"`
	Count       uint64        `json:"count"`    // after the warm-up, 0: until Duration ends
	Warm        uint64        `json:"warm"`     // messages of the warm-up, at least 1
	Duration    time.Duration `json:"duration"` // 0: until Count is reached
	Rate        float64       `json:"rate"`     // messages per second, 0: the next when the last subscriber has read the previous one
	Wait        string        `json:"wait"`
}

// FanOutSent are the figures of the publisher.
type FanOutSent struct {
	Count   uint64               `json:"count"`
	Seconds float64              `json:"seconds"`
	Usage   measure.Usage        `json:"usage"`
	Publish *measure.Percentiles `json:"publish"` // cost of Publish
	Last    *measure.Percentiles `json:"last"`    // delay until the last subscriber had read it, nil with WaitNone
}

// fanOutReceived are the figures of a subscriber.
type fanOutReceived struct {
	Count uint64        `json:"count"`
	Lost  uint64        `json:"lost"`
	Usage measure.Usage `json:"usage"`
}

// A FanOutResult is the figures of all processes.
type FanOutResult struct {
	Sent  FanOutSent
	Lost  uint64 // by all subscribers together
	Usage measure.Usage
}

// Run measures in an environment in parent. A wrap that is not empty is a program with its arguments that runs the publisher.
func (f FanOut) Run(ctx context.Context, parent string, wrap ...string) (r FanOutResult, err error) {
	err = harness.Run(ctx, parent, func(env *harness.Environment) error {
		f.Location = env.Location()
		subscribers := make([]*subproc.Child, f.Subscribers)
		for i := range subscribers {
			f.Index = i
			var err error
			if subscribers[i], err = env.Start(fanOutSubscriber, f); err != nil {
				return err
			}
		}
		for _, s := range subscribers {
			if err := s.Ready(); err != nil {
				return err
			}
		}
		publisher, err := env.Start(FanOutPublisher, f, wrap...)
		if err != nil {
			return err
		}
		if err := publisher.Next(&r.Sent); err != nil {
			return err
		}
		r.Usage = r.Sent.Usage
		for _, s := range subscribers {
			if err := r.add(s, f.Wait == WaitNone); err != nil {
				return err
			}
		}
		return publisher.Finish()
	})
	return r, err
}

// add adds the figures of a subscriber. An idle subscriber replies only when it is told that the measurement is over.
func (r *FanOutResult) add(s *subproc.Child, idle bool) error {
	if idle {
		if err := s.Send("the end"); err != nil {
			return err
		}
	}
	var received fanOutReceived
	if err := s.Next(&received); err != nil {
		return err
	}
	r.Lost += received.Lost
	r.Usage = r.Usage.Plus(received.Usage)
	return s.Finish()
}
