package pair

import (
	"context"
	"errors"

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
func Run(ctx context.Context, parent string, o Order, wrap func(role string) []string) (_ Result, err error) {
	st, err := stage.Open(ctx, parent)
	if err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	o.Dir = st.Dir
	if wrap == nil {
		wrap = func(string) []string { return nil }
	}
	receiver, err := st.Crew.Start(Receiver, o, wrap(Receiver)...)
	if err != nil {
		return Result{}, err
	}
	if err := receiver.Ready(); err != nil {
		return Result{}, err
	}
	sender, err := st.Crew.Start(Sender, o, wrap(Sender)...)
	if err != nil {
		return Result{}, err
	}
	var r Result
	if err := sender.Next(&r.Sent); err != nil {
		return Result{}, err
	}
	if err := receiver.Next(&r.Got); err != nil {
		return Result{}, err
	}
	return r, errors.Join(receiver.Finish(), sender.Finish())
}
