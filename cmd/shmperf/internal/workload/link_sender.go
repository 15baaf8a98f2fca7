package workload

import (
	"context"
	"math"
	"time"

	"github.com/shmbus/shmbus/cmd/shmperf/internal/harness"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/measure"
	"github.com/shmbus/shmbus/topic"
)

// A linkSender is the state of the process that publishes.
type linkSender struct {
	Link
	clock   measure.Stopwatch
	page    *harness.Page
	words   harness.Receiver
	pub     *topic.Publisher[[]byte]
	payload []byte
	piece   []byte   // what the payload is made of
	batch   [][]byte // the payload, Batch times
	pace    *measure.Pace
	took    measure.Recorder
}

func sendLink(ctx context.Context, w *harness.Worker[Link]) (any, error) {
	s := &linkSender{
		Link: w.Request, clock: measure.NewStopwatch(), page: w.Page, words: w.Page.Receiver(0), took: measure.NewRecorder(),
		payload: make([]byte, w.Request.Size), piece: newBlock(),
	}
	var err error
	opts := topic.PublisherOptions[[]byte]{Depth: s.Depth, InitialSampleSize: s.Size}
	if s.pub, err = topic.NewPublisher(ctx, w.Participant, linkTopic, &opts); err != nil {
		return nil, err
	}
	if err := s.pub.WaitSubscribers(ctx, 1); err != nil {
		return nil, err
	}
	fillPayload(s.payload, s.piece)
	for range s.Batch {
		s.batch = append(s.batch, s.payload)
	}
	return s.run(ctx)
}

func (s *linkSender) run(ctx context.Context) (LinkSent, error) {
	s.pace = measure.NewPace(s.Rate)
	most := uint64(max(s.Batch, 1)) // messages at once
	for seq := uint64(0); seq < s.Warm; {
		n := min(most, s.Warm-seq)
		seq += n
		if err := s.messages(ctx, seq, n); err != nil {
			return LinkSent{}, err
		}
	}
	if err := harness.AwaitWarm(ctx, s.words); err != nil {
		return LinkSent{}, err
	}
	s.took.Reset()
	s.pace = measure.NewPace(s.Rate)
	before, err := measure.ReadUsage()
	if err != nil {
		return LinkSent{}, err
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
			s.page.Last().Store(seq)
		}
		if err := s.messages(ctx, seq, n); err != nil {
			return LinkSent{}, err
		}
	}
	after, err := measure.ReadUsage()
	stats := s.pub.Stats()
	return LinkSent{
		Count: seq - s.Warm, Began: began, Usage: after.Since(before), Memory: stats.Memory, Waited: stats.Waited, Took: s.took.Result(),
	}, err
}

// late reports whether the time is over. The last of the next n messages is seq.
func (s *linkSender) late(seq, n uint64, began int64) bool {
	check := s.Duration > 0 && (s.Timed || seq%messagesPerClockRead < n)
	return check && time.Duration(s.clock.Now()-began) >= s.Duration
}

// messages publishes the n messages up to seq, and waits until the next may follow.
func (s *linkSender) messages(ctx context.Context, seq, n uint64) error {
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
		if err := harness.Poll(ctx, s.words.Done, seq); err != nil {
			return err
		}
	}
	return s.pace.Wait(ctx)
}

func (s *linkSender) publish(ctx context.Context, began int64, n uint64) error {
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
		fillPayload(b, s.piece)
	} else if s.Size < headSize {
		b[0]++
	}
	setHead(b, began)
	_, err = l.Commit(ctx, s.Size)
	return err
}
