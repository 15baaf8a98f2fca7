package pair

import (
	"context"
	"time"

	"github.com/shmbus/shmbus/cmd/shmperf/internal/board"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/distribution"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/pace"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/stage"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/usage"
	"github.com/shmbus/shmbus/internal/clock"
	"github.com/shmbus/shmbus/internal/crew"
	"github.com/shmbus/shmbus/topic"
)

// name is the topic of every pair.
const name = "perf/pair"

// A sender is the process that publishes.
type sender struct {
	Order
	clock   clock.Clock
	board   *board.Board
	seat    board.Seat
	pub     *topic.Publisher[[]byte]
	payload []byte
	pace    *pace.Pace
	took    distribution.Recorder
}

// Send is the role of the sender.
func Send(ctx context.Context, d *crew.Desk) error {
	s := &sender{clock: clock.New(), took: distribution.NewRecorder()}
	if err := d.Order(&s.Order); err != nil {
		return err
	}
	b, err := board.Open(s.Dir)
	if err != nil {
		return err
	}
	defer b.Close()
	s.board, s.seat = b, b.Seat(0)
	p, err := stage.Join(s.Dir, "sender")
	if err != nil {
		return err
	}
	defer p.Close()
	if s.pub, err = topic.NewPublisher(p, name, &topic.PublisherOptions[[]byte]{Depth: s.Depth, SampleSize: s.Size}); err != nil {
		return err
	}
	if err := s.pub.WaitSubscribers(ctx, 1); err != nil {
		return err
	}
	s.payload = make([]byte, s.Size)
	fill(s.payload)
	result, err := s.run(ctx)
	if err != nil {
		return err
	}
	if err := d.Reply(result); err != nil {
		return err
	}
	<-ctx.Done() // the receiver may not have mapped everything yet
	return nil
}

func (s *sender) run(ctx context.Context) (Sent, error) {
	s.pace = pace.New(s.Rate)
	for seq := uint64(1); seq <= s.Warm; seq++ {
		if err := s.message(ctx, seq); err != nil {
			return Sent{}, err
		}
	}
	if err := pace.Set(ctx, s.seat.Warm); err != nil {
		return Sent{}, err
	}
	s.took.Reset()
	s.pace = pace.New(s.Rate)
	before, err := usage.Now()
	if err != nil {
		return Sent{}, err
	}
	began := s.clock.Now()
	seq := s.Warm
	for last := false; !last; {
		seq++
		if last = s.isLast(seq, began); last {
			s.board.Last().Store(seq)
		}
		if err := s.message(ctx, seq); err != nil {
			return Sent{}, err
		}
	}
	after, err := usage.Now()
	stats := s.pub.Stats()
	return Sent{
		Count: seq - s.Warm, Began: began, Usage: after.Since(before), Memory: stats.Memory, Waited: stats.Waited, Took: s.took.Result(),
	}, err
}

// every is how many messages an untimed sender publishes between two looks at the clock.
const every = 256

func (s *sender) isLast(seq uint64, began int64) bool {
	if s.Count > 0 && seq == s.Warm+s.Count {
		return true
	}
	look := s.Duration > 0 && (s.Timed || seq%every == 0)
	return look && time.Duration(s.clock.Now()-began) >= s.Duration
}

// message publishes one message, and waits for what is to happen before the next.
func (s *sender) message(ctx context.Context, seq uint64) error {
	began := int64(0)
	if s.Timed {
		began = s.clock.Now()
	}
	if err := s.publish(ctx, began); err != nil {
		return err
	}
	if s.Timed {
		s.took.Record(s.clock.Now() - began)
	}
	if s.Answered {
		if err := pace.Reached(ctx, s.seat.Got, seq); err != nil {
			return err
		}
	}
	return s.pace.Wait(ctx)
}

func (s *sender) publish(ctx context.Context, began int64) error {
	if !s.Loan {
		setHead(s.payload, began)
		_, err := s.pub.Publish(ctx, s.payload)
		return err
	}
	l, err := s.pub.Loan(ctx, s.Size)
	if err != nil {
		return err
	}
	b := l.Bytes()[:s.Size]
	if s.TouchOne {
		b[len(b)-1]++
	} else {
		fill(b)
	}
	setHead(b, began)
	_, err = l.Commit(ctx, s.Size)
	return err
}
