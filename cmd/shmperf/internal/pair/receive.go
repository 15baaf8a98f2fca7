package pair

import (
	"context"
	"fmt"

	"github.com/shmbus/shmbus/cmd/shmperf/internal/board"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/distribution"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/pace"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/stage"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/usage"
	"github.com/shmbus/shmbus/internal/clock"
	"github.com/shmbus/shmbus/internal/crew"
	"github.com/shmbus/shmbus/topic"
)

// A receiver is the process that subscribes.
type receiver struct {
	Order
	clock  clock.Clock
	board  *board.Board
	seat   board.Seat
	sub    *topic.Subscriber[[]byte]
	reader *reader
	delays distribution.Recorder
	totals distribution.Recorder
	count  uint64 // of messages that count
	lost   uint64 // the same
	before usage.Usage
}

// Receive is the role of the receiver.
func Receive(ctx context.Context, d *crew.Desk) error {
	r := &receiver{clock: clock.New(), delays: distribution.NewRecorder(), totals: distribution.NewRecorder()}
	if err := d.Order(&r.Order); err != nil {
		return err
	}
	r.reader = newReader(r.Order)
	b, err := board.Open(r.Dir)
	if err != nil {
		return err
	}
	defer b.Close()
	r.board, r.seat = b, b.Seat(0)
	p, err := stage.Join(r.Dir, "receiver")
	if err != nil {
		return err
	}
	defer p.Close()
	opts := topic.SubscriberOptions[[]byte]{Lossless: r.Lossless, Spin: Spinning(r.Wait)}
	if r.sub, err = topic.NewSubscriber(p, name, &opts); err != nil {
		return err
	}
	if err := d.Ready(); err != nil {
		return err
	}
	result, err := r.run(ctx)
	if err != nil {
		return err
	}
	return d.Reply(result)
}

func (r *receiver) run(ctx context.Context) (Got, error) {
	last := r.board.Last()
	for {
		s, err := Next(ctx, r.sub, r.Wait)
		if err != nil {
			return Got{}, err
		}
		seq := s.Sequence()
		if err := r.take(s); err != nil {
			return Got{}, fmt.Errorf("message %d: %w", seq, err)
		}
		if seq == r.Warm {
			if err := r.begin(); err != nil {
				return Got{}, err
			}
		}
		r.seat.Got.Store(seq)
		if n := last.Load(); n != 0 && seq >= n {
			break
		}
	}
	ended := r.clock.Now()
	after, err := usage.Now()
	return Got{
		Count: r.count, Lost: r.lost, Ended: ended, Usage: after.Since(r.before), Delays: r.delays.Result(), Totals: r.totals.Result(),
	}, err
}

// Next waits for a sample in one of the ways to wait.
func Next(ctx context.Context, sub *topic.Subscriber[[]byte], wait string) (topic.Sample[[]byte], error) {
	if wait != Poll {
		return sub.Receive(ctx)
	}
	for {
		for range pace.Looks {
			if s, ok := sub.TryReceive(); ok {
				return s, nil
			}
		}
		if ctx.Err() != nil {
			return topic.Sample[[]byte]{}, ctx.Err()
		}
	}
}

// take reads a sample and releases it.
func (r *receiver) take(s topic.Sample[[]byte]) error {
	b := s.Bytes()
	if err := r.reader.read(b); err != nil {
		return err
	}
	if r.Timed {
		now := r.clock.Now()
		r.delays.Record(now - s.Stamp())
		if began, ok := head(b); ok {
			r.totals.Record(now - began)
		}
	}
	r.count++
	r.lost += s.Lost()
	s.Release()
	return nil
}

// begin forgets what was before the measurement. The sender stands still until it is done.
func (r *receiver) begin() error {
	r.delays.Reset()
	r.totals.Reset()
	r.count, r.lost = 0, 0
	var err error
	r.before, err = usage.Now()
	r.seat.Warm.Store(1)
	return err
}
