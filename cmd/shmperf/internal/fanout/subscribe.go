package fanout

import (
	"context"

	"github.com/shmbus/shmbus/cmd/shmperf/internal/board"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/pair"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/stage"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/usage"
	"github.com/shmbus/shmbus/internal/clock"
	"github.com/shmbus/shmbus/internal/subproc"
	"github.com/shmbus/shmbus/topic"
)

// Subscribe is the role of a subscriber.
func Subscribe(ctx context.Context, d *subproc.Parent) error {
	return stage.Play(ctx, d, "subscriber", subscribe)
}

func subscribe(ctx context.Context, at *stage.Post[Order]) (any, error) {
	opts := topic.SubscriberOptions[[]byte]{Spin: pair.Spinning(at.Order.Wait)}
	sub, err := topic.NewSubscriber(at.Participant, name, &opts)
	if err != nil {
		return nil, err
	}
	if err := at.Ready(); err != nil {
		return nil, err
	}
	if at.Order.Wait == Absent {
		return attend(ctx, at)
	}
	return at.Order.receive(ctx, at.Board, sub)
}

// receive takes every message, and says in its seat when it has read which.
func (o *Order) receive(ctx context.Context, b *board.Board, sub *topic.Subscriber[[]byte]) (got Got, err error) {
	c, seat, last := clock.New(), b.Seat(o.Seat), b.Last()
	var before usage.Usage
	var read uint64
	for {
		s, err := pair.Next(ctx, sub, o.Wait)
		if err != nil {
			return Got{}, err
		}
		read += pair.Sum(s.Bytes()) // what is sent is zeros
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
		seat.Got.Store(seq + read)
		if n := last.Load(); n != 0 && seq >= n {
			break
		}
	}
	after, err := usage.Now()
	got.Usage = after.Since(before)
	return got, err
}

// attend is connected until the end.
func attend(ctx context.Context, at *stage.Post[Order]) (Got, error) {
	before, err := usage.Now()
	if err != nil {
		return Got{}, err
	}
	at.Board.Seat(at.Order.Seat).Warm.Store(1)
	select {
	case <-at.Told():
	case <-ctx.Done():
		return Got{}, ctx.Err()
	}
	after, err := usage.Now()
	return Got{Usage: after.Since(before)}, err
}
