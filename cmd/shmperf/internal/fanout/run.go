package fanout

import (
	"context"
	"time"

	"github.com/shmbus/shmbus/cmd/shmperf/internal/distribution"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/stage"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/usage"
	"github.com/shmbus/shmbus/internal/subproc"
)

// The names of the roles.
const (
	Publisher  = "fanout-publisher"
	Subscriber = "fanout-subscriber"
)

// Absent is the way of a subscriber that is connected and never receives; the others are those of package pair.
const Absent = "none"

const name = "perf/fanout"

// An Order says what to measure. All processes get it, with a seat for each subscriber.
type Order struct {
	stage.Where
	Subscribers int           `json:"subscribers"`
	Seat        int           `json:"seat"`
	Size        int           `json:"size"`
	Depth       int           `json:"depth"`
	Count       uint64        `json:"count"`    // after warming up, 0: until Duration ends
	Warm        uint64        `json:"warm"`     // before that, at least 1
	Duration    time.Duration `json:"duration"` // 0: until Count is reached
	Rate        float64       `json:"rate"`     // messages per second, 0: the next when the last subscriber has the one before
	Wait        string        `json:"wait"`
}

// Sent is what the publisher found.
type Sent struct {
	Count   uint64                    `json:"count"`
	Seconds float64                   `json:"seconds"`
	Usage   usage.Usage               `json:"usage"`
	Publish *distribution.Percentiles `json:"publish"` // what Publish cost
	Last    *distribution.Percentiles `json:"last"`    // until the last subscriber had it, nil where nobody receives
}

// Got is what a subscriber found.
type Got struct {
	Count uint64      `json:"count"`
	Lost  uint64      `json:"lost"`
	Usage usage.Usage `json:"usage"`
}

// A Result is what all found.
type Result struct {
	Sent  Sent
	Lost  uint64 // by all subscribers together
	Usage usage.Usage
}

// Run measures on a stage of its own in parent. The publisher is started under wrap, a program and its arguments, where that is
// not empty.
func Run(ctx context.Context, parent string, o Order, wrap ...string) (r Result, err error) {
	err = stage.On(ctx, parent, func(st *stage.Stage) error {
		o.Where = st.Where()
		subscribers := make([]*subproc.Child, o.Subscribers)
		for i := range subscribers {
			o.Seat = i
			var err error
			if subscribers[i], err = st.Crew.Start(Subscriber, o); err != nil {
				return err
			}
		}
		for _, s := range subscribers {
			if err := s.Ready(); err != nil {
				return err
			}
		}
		publisher, err := st.Crew.Start(Publisher, o, wrap...)
		if err != nil {
			return err
		}
		if err := publisher.Next(&r.Sent); err != nil {
			return err
		}
		r.Usage = r.Sent.Usage
		for _, s := range subscribers {
			if err := r.hear(s, o.Wait == Absent); err != nil {
				return err
			}
		}
		return publisher.Finish()
	})
	return r, err
}

// hear adds what a subscriber found.
func (r *Result) hear(s *subproc.Child, absent bool) error {
	if absent {
		if err := s.Send("the end"); err != nil {
			return err
		}
	}
	var got Got
	if err := s.Next(&got); err != nil {
		return err
	}
	r.Lost += got.Lost
	r.Usage = r.Usage.Plus(got.Usage)
	return s.Finish()
}
