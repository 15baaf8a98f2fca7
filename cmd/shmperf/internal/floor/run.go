package floor

import (
	"context"
	"errors"
	"time"

	"github.com/shmbus/shmbus/cmd/shmperf/internal/pair"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/stage"
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
	Dir      string        `json:"dir"` // of the stage
	Kind     string        `json:"kind"`
	Size     int           `json:"size"`     // of a copy
	Ring     int           `json:"ring"`     // copies that the shared memory has room for
	Count    uint64        `json:"count"`    // after warming up, 0: until Duration ends
	Warm     uint64        `json:"warm"`     // before that, at least 1
	Duration time.Duration `json:"duration"` // 0: until Count is reached
	Rate     float64       `json:"rate"`     // of wake-ups per second, 0: as soon as the receiver is done with the last
}

// maxChanges is how many numbers fit into the word, with some for warming up.
const maxChanges = 1 << 31

// Run measures one floor on a stage of its own in parent.
func Run(ctx context.Context, parent string, o Order) (_ pair.Result, err error) {
	st, err := stage.Open(ctx, parent)
	if err != nil {
		return pair.Result{}, err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	o.Dir = st.Dir
	if o.Kind != Memcpy && (o.Count == 0 || o.Count > maxChanges) {
		o.Count = maxChanges
	}
	var r pair.Result
	if o.Kind == Memcpy {
		copier, err := st.Crew.Start(Copier, o)
		if err != nil {
			return pair.Result{}, err
		}
		return r, errors.Join(copier.Next(&r), copier.Finish())
	}
	receiver, err := st.Crew.Start(Receiver, o)
	if err != nil {
		return pair.Result{}, err
	}
	if err := receiver.Ready(); err != nil {
		return pair.Result{}, err
	}
	sender, err := st.Crew.Start(Sender, o)
	if err != nil {
		return pair.Result{}, err
	}
	if err := errors.Join(sender.Next(&r.Sent), receiver.Next(&r.Got)); err != nil {
		return pair.Result{}, err
	}
	return r, errors.Join(receiver.Finish(), sender.Finish())
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
