//go:build linux

package agent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/shmbus/shmbus/integration/internal/harness"
	"github.com/shmbus/shmbus/topic"
)

// A flow is a goroutine that publishes at intervals.
type flow struct {
	stop context.CancelFunc
	done chan struct{}
	sent uint64 // once done
	err  error  // once done
}

// flowSizes are the payloads of a flow, in turn: in the ring entry, in a slot, in a larger one.
var flowSizes = [...]int{64, 1000, 5000}

// StartFlow begins to publish by a publisher, once in each interval.
type StartFlow struct {
	Publisher string
	Interval  time.Duration
}

func (c StartFlow) Run(_ context.Context, s *State) (none, error) {
	ctx, stop := context.WithCancel(context.Background())
	f := &flow{stop: stop, done: make(chan struct{})}
	s.flows[c.Publisher] = f
	go f.run(ctx, s.publishers[c.Publisher], c.Interval)
	return none{}, nil
}

func (f *flow) run(ctx context.Context, pub *topic.Publisher[[]byte], interval time.Duration) {
	defer close(f.done)
	tick := time.NewTicker(interval)
	defer tick.Stop()
	b := make([]byte, flowSizes[len(flowSizes)-1])
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		seq := f.sent + 1
		n := flowSizes[seq%uint64(len(flowSizes))]
		harness.Fill(b[:n], seq)
		if _, err := pub.Publish(context.Background(), b[:n]); err != nil {
			f.err = fmt.Errorf("publish %d: %w", seq, err)
			return
		}
		f.sent++
	}
}

// StopFlow ends a flow and returns how many samples were published.
type StopFlow struct{ Publisher string }

func (c StopFlow) Run(_ context.Context, s *State) (uint64, error) {
	f := s.flows[c.Publisher]
	delete(s.flows, c.Publisher)
	f.stop()
	<-f.done
	return f.sent, f.err
}

// A reader is a goroutine that receives and checks everything.
type reader struct {
	mu       sync.Mutex
	received uint64
	lost     uint64
	err      error
	changed  chan struct{} // holds one token
}

// StartReader begins to receive and check the samples of a subscriber.
type StartReader struct{ Subscriber string }

func (c StartReader) Run(_ context.Context, s *State) (none, error) {
	r := &reader{changed: make(chan struct{}, 1)}
	s.readers[c.Subscriber] = r
	go r.run(s.subscribers[c.Subscriber])
	return none{}, nil
}

func (r *reader) run(sub *topic.Subscriber[[]byte]) {
	last := map[topic.PublisherID]uint64{}
	for {
		s, err := sub.Receive(context.Background())
		if errors.Is(err, os.ErrClosed) {
			return
		}
		if err == nil {
			err = harness.Check(s.Bytes(), s.Sequence())
		}
		if want := last[s.Publisher()] + 1 + s.Lost(); err == nil && s.Sequence() != want {
			err = fmt.Errorf("on %s came %d, not %d", s.Topic(), s.Sequence(), want)
		}
		r.mu.Lock()
		r.received++
		r.lost += s.Lost()
		r.err = errors.Join(r.err, err)
		r.mu.Unlock()
		select {
		case r.changed <- struct{}{}:
		default:
		}
		if err != nil {
			return
		}
		last[s.Publisher()] = s.Sequence()
		if s.Sequence() == visitorSamples && isVisitorTopic(s.Topic()) {
			delete(last, s.Publisher()) // that was all
		}
		s.Release()
	}
}

// WaitReader waits until a reader has received or lost so many samples.
type WaitReader struct {
	Subscriber string
	N          uint64
}

func (c WaitReader) Run(ctx context.Context, s *State) (got Received, _ error) {
	r := s.readers[c.Subscriber]
	for {
		r.mu.Lock()
		got.Received, got.Lost = r.received, r.lost
		err := r.err
		r.mu.Unlock()
		if err != nil || got.Received+got.Lost >= c.N {
			return got, err
		}
		select {
		case <-r.changed:
		case <-ctx.Done():
			return got, fmt.Errorf("%d received and %d lost of %d: %w", got.Received, got.Lost, c.N, ctx.Err())
		}
	}
}
