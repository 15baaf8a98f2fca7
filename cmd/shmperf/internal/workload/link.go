package workload

import (
	"context"
	"time"

	"github.com/shmbus/shmbus/cmd/shmperf/internal/harness"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/measure"
)

// The names of the roles.
const (
	LinkSender   = "sender"
	LinkReceiver = "receiver"
)

// linkTopic is the topic of every link.
const linkTopic = "perf/link"

// A Link is messages from one process to another: the delay of each, or the number per second. Both processes get it as their request.
//
// The first messages warm up both processes and are not counted. When the receiver has the last of them, both processes note what they
// have used so far, and the measurement begins.
type Link struct {
	harness.Location
	Size     int           `json:"size"`
	Count    uint64        `json:"count"`    // of messages after the warm-up, 0: until Duration ends
	Warm     uint64        `json:"warm"`     // messages of the warm-up, at least 1
	Duration time.Duration `json:"duration"` // 0: until Count is reached
	Rate     float64       `json:"rate"`     // messages per second, 0: as fast as possible
	Wait     string        `json:"wait"`
	Depth    int           `json:"depth"`
	Batch    int           `json:"batch"` // messages published and received at once, 0: each by itself
	Lossless bool          `json:"lossless"`
	Answered bool          `json:"answered"` // the sender waits until the receiver has finished each message
	Timed    bool          `json:"timed"`    // the receiver times each message
	Loan     bool          `json:"loan"`     // the sender writes the payload in place
	Copy     bool          `json:"copy"`     // the receiver copies the payload out first
	TouchOne bool          `json:"touch_one"`
}

// A LinkResult is the figures of both processes.
type LinkResult struct {
	Sent     LinkSent
	Received LinkReceived
}

// LinkSent are the figures of the sender.
type LinkSent struct {
	Count  uint64               `json:"count"`
	Began  int64                `json:"began"` // stamp
	Usage  measure.Usage        `json:"usage"`
	Memory uint64               `json:"memory"` // bytes of its ring and slots
	Waited uint64               `json:"waited"` // publishes that had to wait for the receiver
	Took   *measure.Percentiles `json:"took"`   // by publishing, where messages are timed
}

// LinkReceived are the figures of the receiver.
type LinkReceived struct {
	Count  uint64               `json:"count"`
	Lost   uint64               `json:"lost"`
	Ended  int64                `json:"ended"` // stamp
	Usage  measure.Usage        `json:"usage"`
	Delays *measure.Percentiles `json:"delays"` // from the sample's stamp
	Totals *measure.Percentiles `json:"totals"` // from before the payload was written
}

// Seconds is the time from before the first measured message was published until the last one was read.
func (r LinkResult) Seconds() float64 { return float64(r.Received.Ended-r.Sent.Began) / 1e9 }

// Run measures in an environment in parent. A wrap that is not nil returns the program, with its arguments, that runs the process of a
// role.
func (l Link) Run(ctx context.Context, parent string, wrap func(role string) []string) (r LinkResult, err error) {
	if wrap == nil {
		wrap = func(string) []string { return nil }
	}
	err = harness.Run(ctx, parent, func(env *harness.Environment) error {
		l.Location = env.Location()
		receiver, err := env.StartReady(LinkReceiver, l, wrap(LinkReceiver)...)
		if err != nil {
			return err
		}
		sender, err := env.Start(LinkSender, l, wrap(LinkSender)...)
		if err != nil {
			return err
		}
		if err := sender.Next(&r.Sent); err != nil {
			return err
		}
		if err := receiver.Next(&r.Received); err != nil {
			return err
		}
		return harness.Finish(receiver, sender)
	})
	return r, err
}
