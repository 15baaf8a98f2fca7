package fanout

import (
	"context"

	"github.com/shmbus/shmbus/cmd/shmperf/internal/board"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/pair"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/stage"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/usage"
	"github.com/shmbus/shmbus/internal/clock"
	"github.com/shmbus/shmbus/internal/crew"
	"github.com/shmbus/shmbus/topic"
)

// Subscribe is the role of a subscriber.
func Subscribe(ctx context.Context, d *crew.Desk) error {
	var o Order
	if err := d.Order(&o); err != nil {
		return err
	}
	b, err := board.Open(o.Dir)
	if err != nil {
		return err
	}
	defer b.Close()
	p, err := stage.Join(o.Dir, "subscriber")
	if err != nil {
		return err
	}
	defer p.Close()
	sub, err := topic.NewSubscriber(p, name, &topic.SubscriberOptions[[]byte]{Spin: pair.Spinning(o.Wait)})
	if err != nil {
		return err
	}
	if err := d.Ready(); err != nil {
		return err
	}
	do := o.receive
	if o.Wait == Absent {
		do = func(ctx context.Context, b *board.Board, _ *topic.Subscriber[[]byte]) (Got, error) {
			return o.attend(ctx, b, d)
		}
	}
	got, err := do(ctx, b, sub)
	if err != nil {
		return err
	}
	return d.Reply(got)
}

// receive takes every message, and says in its seat when it has read which.
func (o *Order) receive(ctx context.Context, b *board.Board, sub *topic.Subscriber[[]byte]) (got Got, err error) {
	c, seat, last := clock.New(), b.Seat(o.Seat), b.Last()
	var before usage.Usage
	var read byte
	for {
		s, err := pair.Next(ctx, sub, o.Wait)
		if err != nil {
			return Got{}, err
		}
		for _, x := range s.Bytes() {
			read += x
		}
		delay, seq := c.Now()-s.Stamp(), s.Sequence()
		got.Count++
		got.Lost += s.Lost()
		s.Release()
		if seq == o.Warm {
			got = Got{}
			if before, err = usage.Now(); err != nil {
				return Got{}, err
			}
			seat.Warm.Store(1)
		}
		seat.Delay.Store(uint64(max(delay, 0)))
		seat.Got.Store(seq + uint64(read)) // what is sent is zeros
		if n := last.Load(); n != 0 && seq >= n {
			break
		}
	}
	after, err := usage.Now()
	got.Usage = after.Since(before)
	return got, err
}

// attend is connected until the end.
func (o *Order) attend(ctx context.Context, b *board.Board, d *crew.Desk) (Got, error) {
	before, err := usage.Now()
	if err != nil {
		return Got{}, err
	}
	b.Seat(o.Seat).Warm.Store(1)
	select {
	case <-d.Told():
	case <-ctx.Done():
		return Got{}, ctx.Err()
	}
	after, err := usage.Now()
	return Got{Usage: after.Since(before)}, err
}
