package lastvalue

import (
	"context"
	"fmt"
	"time"

	"github.com/shmbus/shmbus/cmd/shmperf/internal/stage"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/usage"
	"github.com/shmbus/shmbus/internal/subproc"
	"github.com/shmbus/shmbus/topic"
)

// A reader is a process that reads the newest value again and again.
type reader struct {
	Order
	sub   *topic.Subscriber[[]byte]
	value []byte // a copy of what was read last
	seen  uint64 // its number
	read  Read
}

// ReadValues is the role of a reader.
func ReadValues(ctx context.Context, d *subproc.Parent) error {
	return stage.Play(ctx, d, "reader", read)
}

func read(ctx context.Context, at *stage.Post[Order]) (any, error) {
	sub, err := topic.NewSubscriber[[]byte](at.Participant, name, nil)
	if err != nil {
		return nil, err
	}
	r := &reader{Order: at.Order, sub: sub, value: make([]byte, at.Order.Size)}
	if err := at.Ready(); err != nil {
		return nil, err
	}
	for r.read.Count == 0 {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err := r.once(); err != nil {
			return nil, err
		}
		time.Sleep(time.Millisecond)
	}
	at.Board.Seat(r.Seat).Warm.Store(1)
	phase, _ := at.Board.Line()
	if err := r.during(ctx, func() bool { return phase.Load() == warming }); err != nil {
		return nil, err
	}
	r.read = Read{}
	before, err := usage.Now()
	if err != nil {
		return nil, err
	}
	if err := r.during(ctx, func() bool { return phase.Load() == measured }); err != nil {
		return nil, err
	}
	after, err := usage.Now()
	r.read.Usage = after.Since(before)
	return r.read, err
}

// during reads as long as a condition holds, and once more: who had no processor all the time has read, too.
func (r *reader) during(ctx context.Context, holds func() bool) error {
	for last := false; !last; {
		last = !holds()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		for range atOnce {
			if err := r.once(); err != nil {
				return err
			}
		}
	}
	return nil
}

// atOnce is how many reads come between two looks at whether to go on: together they take about a microsecond.
const atOnce = 16

// once reads the newest value, if there is one yet, and looks whether it is whole.
func (r *reader) once() error {
	s, ok := r.sub.Latest()
	if !ok {
		return nil
	}
	size := copy(r.value, s.Bytes())
	s.Release()
	if size != r.Size {
		return fmt.Errorf("read %d bytes of %d", size, r.Size)
	}
	n, whole := number(r.value)
	r.read.Count++
	switch {
	case !whole:
		r.read.Torn++
	case n > r.seen:
		r.read.Fresh++
		r.seen = n
	case n < r.seen:
		r.read.Older++
	}
	return nil
}
