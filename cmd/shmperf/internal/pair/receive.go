package pair

import (
	"context"

	"github.com/shmbus/shmbus/cmd/shmperf/internal/board"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/distribution"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/pace"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/stage"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/usage"
	"github.com/shmbus/shmbus/internal/clock"
	"github.com/shmbus/shmbus/internal/subproc"
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
	taken  []topic.Sample[[]byte] // at once, in batches
	count  uint64                 // of messages that count
	lost   uint64                 // the same
	before usage.Usage
}

// Receive is the role of the receiver.
func Receive(ctx context.Context, d *subproc.Parent) error {
	return stage.Play(ctx, d, "receiver", receive)
}

func receive(ctx context.Context, at *stage.Post[Order]) (any, error) {
	r := &receiver{
		Order: at.Order, clock: clock.New(), board: at.Board, seat: at.Board.Seat(0), reader: newReader(at.Order),
		delays: distribution.NewRecorder(), totals: distribution.NewRecorder(), taken: make([]topic.Sample[[]byte], at.Order.Batch),
	}
	opts := topic.SubscriberOptions[[]byte]{Lossless: r.Lossless, Spin: Spinning(r.Wait)}
	var err error
	if r.sub, err = topic.NewSubscriber(at.Participant, name, &opts); err != nil {
		return nil, err
	}
	if err := at.Ready(); err != nil {
		return nil, err
	}
	return r.run(ctx)
}

func (r *receiver) run(ctx context.Context) (Got, error) {
	next := r.one
	switch {
	case r.Batch > 0:
		next = r.batch
	case r.Wait == Poll:
		next = r.polled
	}
	last := r.board.Last()
	for {
		seq, err := next(ctx)
		if err != nil {
			return Got{}, err
		}
		if seq == r.Warm {
			if err := r.begin(); err != nil {
				return Got{}, err
			}
		}
		if r.Answered { // a store that costs as much as a tenth of a message of a stream
			r.seat.Got.Store(seq)
		}
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

// one takes the next message, for which it waits, and returns its sequence number.
func (r *receiver) one(ctx context.Context) (uint64, error) {
	s, err := r.sub.Receive(ctx)
	if err != nil {
		return 0, err
	}
	err = r.read(s.Bytes(), s.Stamp(), s.Lost())
	s.Release()
	return s.Sequence(), err
}

// polled is one that looks for the message. It is not made of Next: a sample that goes through one more function costs
// some ten nanoseconds.
func (r *receiver) polled(ctx context.Context) (uint64, error) {
	for {
		for range pace.Looks {
			s, ok := r.sub.TryReceive()
			if !ok {
				continue
			}
			err := r.read(s.Bytes(), s.Stamp(), s.Lost())
			s.Release()
			return s.Sequence(), err
		}
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
	}
}

// batch takes the next messages and returns the last one's sequence number.
func (r *receiver) batch(ctx context.Context) (uint64, error) {
	n, err := r.sub.ReceiveBatch(ctx, r.taken)
	if err != nil {
		return 0, err
	}
	for i := range r.taken[:n] {
		s := &r.taken[i]
		if err := r.read(s.Bytes(), s.Stamp(), s.Lost()); err != nil {
			return 0, err
		}
		s.Release()
	}
	return r.taken[n-1].Sequence(), nil
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

// read reads a payload and notes what is to be known of it.
func (r *receiver) read(b []byte, stamp int64, lost uint64) error {
	if err := r.reader.read(b); err != nil {
		return err
	}
	if r.Timed {
		now := r.clock.Now()
		r.delays.Record(now - stamp)
		if began, ok := head(b); ok {
			r.totals.Record(now - began)
		}
	}
	r.count++
	r.lost += lost
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
