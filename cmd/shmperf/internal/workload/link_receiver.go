package workload

import (
	"context"

	"github.com/shmbus/shmbus/cmd/shmperf/internal/harness"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/measure"
	"github.com/shmbus/shmbus/internal/clock"
	"github.com/shmbus/shmbus/topic"
)

// A linkReceiver is the state of the process that subscribes.
type linkReceiver struct {
	Link
	clock   clock.Clock
	page    *harness.Page
	words   harness.Receiver
	sub     *topic.Subscriber[[]byte]
	reader  *payloadReader
	delays  measure.Recorder
	totals  measure.Recorder
	samples []topic.Sample[[]byte] // of a batch
	count   uint64                 // of measured messages
	lost    uint64                 // of measured messages
	before  measure.Usage
}

func receiveLink(ctx context.Context, w *harness.Worker[Link]) (any, error) {
	r := &linkReceiver{
		Link: w.Request, clock: clock.New(), page: w.Page, words: w.Page.Receiver(0), reader: newPayloadReader(w.Request),
		delays: measure.NewRecorder(), totals: measure.NewRecorder(), samples: make([]topic.Sample[[]byte], w.Request.Batch),
	}
	opts := topic.SubscriberOptions[[]byte]{Lossless: r.Lossless, Spin: spinTime(r.Wait)}
	var err error
	if r.sub, err = topic.NewSubscriber(ctx, w.Participant, linkTopic, &opts); err != nil {
		return nil, err
	}
	if err := w.Ready(); err != nil {
		return nil, err
	}
	return r.run(ctx)
}

func (r *linkReceiver) run(ctx context.Context) (LinkReceived, error) {
	next := r.receive
	switch {
	case r.Batch > 0:
		next = r.receiveBatch
	case r.Wait == WaitPoll:
		next = r.poll
	}
	last := r.page.Last()
	for {
		seq, err := next(ctx)
		if err != nil {
			return LinkReceived{}, err
		}
		if seq == r.Warm {
			if err := r.begin(); err != nil {
				return LinkReceived{}, err
			}
		}
		if r.Answered { // in a stream the store would cost a tenth of a message
			r.words.Done.Store(seq)
		}
		if n := last.Load(); n != 0 && seq >= n {
			break
		}
	}
	ended := r.clock.Now()
	after, err := measure.ReadUsage()
	return LinkReceived{
		Count: r.count, Lost: r.lost, Ended: ended, Usage: after.Since(r.before), Delays: r.delays.Result(), Totals: r.totals.Result(),
	}, err
}

// receive waits for the next message and returns its sequence number.
func (r *linkReceiver) receive(ctx context.Context) (uint64, error) {
	s, err := r.sub.Receive(ctx)
	if err != nil {
		return 0, err
	}
	err = r.read(&s)
	s.Release()
	return s.Sequence(), err
}

// poll is receive with polling. It does not call the function receive, because one more call costs some ten nanoseconds per sample.
func (r *linkReceiver) poll(ctx context.Context) (uint64, error) {
	for {
		for range harness.PollsPerCheck {
			s, ok, err := r.sub.TryReceive()
			if err != nil {
				return 0, err
			}
			if !ok {
				continue
			}
			err = r.read(&s)
			s.Release()
			return s.Sequence(), err
		}
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
	}
}

// receiveBatch waits for the next messages and returns the sequence number of the last of them.
func (r *linkReceiver) receiveBatch(ctx context.Context) (uint64, error) {
	n, err := r.sub.ReceiveBatch(ctx, r.samples)
	if err != nil {
		return 0, err
	}
	for i := range r.samples[:n] {
		s := &r.samples[i]
		if err := r.read(s); err != nil {
			return 0, err
		}
		s.Release()
	}
	return r.samples[n-1].Sequence(), nil
}

// read reads a payload and records its figures.
func (r *linkReceiver) read(s *topic.Sample[[]byte]) error {
	b := s.Bytes()
	if err := r.reader.read(b, s); err != nil {
		return err
	}
	if r.Timed {
		now := r.clock.Now()
		r.delays.Record(now - int64(s.Stamp()))
		if began, ok := head(b); ok {
			r.totals.Record(now - began)
		}
	}
	r.count++
	r.lost += s.Lost()
	return nil
}

// begin resets the figures after the warm-up. The sender waits until the receiver has done so.
func (r *linkReceiver) begin() error {
	r.delays.Reset()
	r.totals.Reset()
	r.count, r.lost = 0, 0
	var err error
	r.before, err = measure.ReadUsage()
	r.words.Warm.Store(1)
	return err
}
