package workload

import (
	"context"
	"fmt"
	"time"

	"github.com/shmbus/shmbus/cmd/shmperf/internal/harness"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/measure"
	"github.com/shmbus/shmbus/topic"
)

// A valueReader is the state of a process that reads the newest value repeatedly.
type valueReader struct {
	LastValue
	sub   *topic.Subscriber[[]byte]
	value []byte // a copy of the last value read
	seen  uint64 // its number
	read  LastValueRead
}

func readValues(ctx context.Context, w *harness.Worker[LastValue]) (any, error) {
	sub, err := topic.NewSubscriber[[]byte](ctx, w.Participant, lastValueTopic, nil)
	if err != nil {
		return nil, err
	}
	r := &valueReader{LastValue: w.Request, sub: sub, value: make([]byte, w.Request.Size)}
	if err := w.Ready(); err != nil {
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
	w.Page.Receiver(r.Index).Warm.Store(1)
	phase, _ := w.Page.Signal()
	if err := r.during(ctx, func() bool { return phase.Load() == phaseWarmUp }); err != nil {
		return nil, err
	}
	r.read = LastValueRead{}
	before, err := measure.ReadUsage()
	if err != nil {
		return nil, err
	}
	if err := r.during(ctx, func() bool { return phase.Load() == phaseMeasure }); err != nil {
		return nil, err
	}
	after, err := measure.ReadUsage()
	r.read.Usage = after.Since(before)
	return r.read, err
}

// during reads as long as a condition holds, and once more: a reader that had no processor until then reads, too.
func (r *valueReader) during(ctx context.Context, holds func() bool) error {
	for last := false; !last; {
		last = !holds()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		for range readsPerCheck {
			if err := r.once(); err != nil {
				return err
			}
		}
	}
	return nil
}

// readsPerCheck is the number of reads between two checks of the phase. Together they take about a microsecond.
const readsPerCheck = 16

// once reads the newest value, if there is one, and checks whether it is torn.
func (r *valueReader) once() error {
	s, ok, err := r.sub.Latest()
	if !ok {
		return err
	}
	size := copy(r.value, s.Bytes())
	s.Release()
	if size != r.Size {
		return fmt.Errorf("read %d bytes of %d", size, r.Size)
	}
	n, whole := valueNumber(r.value)
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
