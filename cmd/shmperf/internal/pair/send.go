package pair

import (
	"context"
	"math"
	"time"

	"github.com/shmbus/shmbus/cmd/shmperf/internal/board"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/distribution"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/pace"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/stage"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/stopwatch"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/usage"
	"github.com/shmbus/shmbus/internal/subproc"
	"github.com/shmbus/shmbus/topic"
)

// name is the topic of every pair.
const name = "perf/pair"

// A sender is the process that publishes.
type sender struct {
	Order
	clock   stopwatch.Stopwatch
	board   *board.Board
	seat    board.Seat
	pub     *topic.Publisher[[]byte]
	payload []byte
	piece   []byte   // what it is made of
	batch   [][]byte // the payload, as often as fits into a batch
	pace    *pace.Pace
	took    distribution.Recorder
}

// Send is the role of the sender.
func Send(ctx context.Context, d *subproc.Parent) error { return stage.Play(ctx, d, "sender", send) }

func send(ctx context.Context, at *stage.Post[Order]) (any, error) {
	s := &sender{
		Order: at.Order, clock: stopwatch.New(), board: at.Board, seat: at.Board.Seat(0), took: distribution.NewRecorder(),
		payload: make([]byte, at.Order.Size), piece: newBlock(),
	}
	var err error
	opts := topic.PublisherOptions[[]byte]{Depth: s.Depth, InitialSampleSize: s.Size}
	if s.pub, err = topic.NewPublisher(at.Participant, name, &opts); err != nil {
		return nil, err
	}
	if err := s.pub.WaitSubscribers(ctx, 1); err != nil {
		return nil, err
	}
	fill(s.payload, s.piece)
	for range s.Batch {
		s.batch = append(s.batch, s.payload)
	}
	return s.run(ctx)
}

func (s *sender) run(ctx context.Context) (Sent, error) {
	s.pace = pace.New(s.Rate)
	most := uint64(max(s.Batch, 1)) // messages at once
	for seq := uint64(0); seq < s.Warm; {
		n := min(most, s.Warm-seq)
		seq += n
		if err := s.messages(ctx, seq, n); err != nil {
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
	seq, end := s.Warm, uint64(math.MaxUint64)
	if s.Count > 0 {
		end = s.Warm + s.Count
	}
	for last := false; !last; {
		n := min(most, end-seq)
		seq += n
		if last = seq == end || s.late(seq, n, began); last {
			s.board.Last().Store(seq)
		}
		if err := s.messages(ctx, seq, n); err != nil {
			return Sent{}, err
		}
	}
	after, err := usage.Now()
	stats := s.pub.Stats()
	return Sent{
		Count: seq - s.Warm, Began: began, Usage: after.Since(before), Memory: stats.Memory, Waited: stats.Waited, Took: s.took.Result(),
	}, err
}

// every is how many messages an untimed sender publishes between two looks at the clock. It is a power of two.
const every = 256

// late reports whether the time is over; seq is the last of the next n messages.
func (s *sender) late(seq, n uint64, began int64) bool {
	look := s.Duration > 0 && (s.Timed || seq%every < n)
	return look && time.Duration(s.clock.Now()-began) >= s.Duration
}

// messages publishes the n messages up to seq, and waits for what is to happen before the next.
func (s *sender) messages(ctx context.Context, seq, n uint64) error {
	began := int64(0)
	if s.Timed {
		began = s.clock.Now()
	}
	if err := s.publish(ctx, began, n); err != nil {
		return err
	}
	if s.Timed {
		s.took.Record(s.clock.Since(began))
	}
	if s.Answered {
		if err := pace.Reached(ctx, s.seat.Got, seq); err != nil {
			return err
		}
	}
	return s.pace.Wait(ctx)
}

func (s *sender) publish(ctx context.Context, began int64, n uint64) error {
	if s.Batch > 0 {
		_, err := s.pub.PublishBatch(ctx, s.batch[:n])
		return err
	}
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
	if !s.TouchOne {
		fill(b, s.piece)
	} else if s.Size < headSize {
		b[0]++
	}
	setHead(b, began)
	_, err = l.Commit(ctx, s.Size)
	return err
}
