package floor

import (
	"context"
	"errors"
	"time"

	"github.com/shmbus/shmbus/cmd/shmperf/internal/pair"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/stage"
	"github.com/shmbus/shmbus/internal/subproc"
)

// The kinds of floors.
const (
	Spin   = "spin"   // a word and a stamp in one cache line, the receiver looks all the time
	Futex  = "futex"  // the same, the receiver sleeps on the word
	Memcpy = "memcpy" // one process copies into shared memory
)

// The names of the roles.
const (
	Sender   = "floor-sender"
	Receiver = "floor-receiver"
	Copier   = "floor-copier"
)

// An Order says what to measure.
type Order struct {
	stage.Where
	Kind      string        `json:"kind"`
	Size      int           `json:"size"`      // of a copy
	Ring      int           `json:"ring"`      // copies that the shared memory has room for
	Count     uint64        `json:"count"`     // after warming up, 0: until Duration ends
	Warm      uint64        `json:"warm"`      // before that, at least 1
	Duration  time.Duration `json:"duration"`  // 0: until Count is reached
	Rate      float64       `json:"rate"`      // of changes per second, 0: as soon as the receiver is done with the last
	Receivers int           `json:"receivers"` // of changes, 0: one; from two on delays are until the last of them has seen it
	Seat      int           `json:"seat"`      // of a receiver
	Program   string        `json:"-"`         // plays the receivers instead of us
}

// maxChanges is how many numbers fit into the word, with some for warming up.
const maxChanges = 1 << 31

// Run measures one floor on a stage of its own in parent.
func Run(ctx context.Context, parent string, o Order) (r pair.Result, err error) {
	if o.Kind != Memcpy && (o.Count == 0 || o.Count > maxChanges) {
		o.Count = maxChanges
	}
	o.Receivers = max(o.Receivers, 1)
	err = stage.On(ctx, parent, func(st *stage.Stage) error {
		o.Where = st.Where()
		if o.Kind != Memcpy {
			return line(st, o, &r)
		}
		copier, err := st.Crew.Start(Copier, o)
		if err != nil {
			return err
		}
		return errors.Join(copier.Next(&r), copier.Finish())
	})
	return r, err
}

// line measures how soon receivers see what a sender changes.
func line(st *stage.Stage, o Order, r *pair.Result) error {
	var wrap []string
	if o.Program != "" {
		wrap = []string{o.Program}
	}
	all := make([]*subproc.Child, o.Receivers)
	for i := range all {
		o.Seat = i
		var err error
		if all[i], err = st.Ready(Receiver, o, wrap...); err != nil {
			return err
		}
	}
	sender, err := st.Crew.Start(Sender, o)
	if err != nil {
		return err
	}
	if err := sender.Next(&r.Sent); err != nil {
		return err
	}
	for _, c := range all {
		used := r.Got.Usage
		if err := c.Next(&r.Got); err != nil {
			return err
		}
		r.Got.Usage = r.Got.Usage.Plus(used)
	}
	if len(all) > 1 {
		r.Got.Delays = r.Sent.Took
	}
	return stage.Finish(append(all, sender)...)
}

// every is how many steps pass between two looks at the clock, where a step is shorter than a look.
const every = 256

func (o *Order) isLast(n uint64, elapsed func() int64) bool {
	if o.Count > 0 && n == o.Warm+o.Count {
		return true
	}
	look := o.Duration > 0 && (o.Kind != Memcpy || o.Size > 1<<16 || n%every == 0)
	return look && elapsed() >= int64(o.Duration)
}
