package pair

import (
	"context"

	"github.com/shmbus/shmbus/cmd/shmperf/internal/stage"
)

// The names of the roles.
const (
	Sender   = "sender"
	Receiver = "receiver"
)

// A Result is what both processes found.
type Result struct {
	Sent Sent
	Got  Got
}

// Seconds is how long the measured messages took, from before the first was published until the last was read.
func (r Result) Seconds() float64 { return float64(r.Got.Ended-r.Sent.Began) / 1e9 }

// Run measures on a stage of its own in parent. Each process is started under wrap(role), a program and its arguments, where
// that is not nil.
func Run(ctx context.Context, parent string, o Order, wrap func(role string) []string) (r Result, err error) {
	if wrap == nil {
		wrap = func(string) []string { return nil }
	}
	err = stage.On(ctx, parent, func(st *stage.Stage) error {
		o.Where = st.Where()
		receiver, err := st.Ready(Receiver, o, wrap(Receiver)...)
		if err != nil {
			return err
		}
		sender, err := st.Crew.Start(Sender, o, wrap(Sender)...)
		if err != nil {
			return err
		}
		if err := sender.Next(&r.Sent); err != nil {
			return err
		}
		if err := receiver.Next(&r.Got); err != nil {
			return err
		}
		return stage.Finish(receiver, sender)
	})
	return r, err
}
