//go:build linux && shmbus_failpoints

package crash

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/shmbus/shmbus/integration/internal/harness"
	"github.com/shmbus/shmbus/internal/subproc"
	"github.com/shmbus/shmbus/shmtransport"
	"github.com/shmbus/shmbus/topic"
)

// An account counts one publisher's samples at one of the accounting subscriptions.
type account struct {
	Subscription string
	Publisher    string
	Received     uint64
	Lost         uint64 // what the next sample said, or, of a publisher that is gone, the figures
	Last         uint64 // sequence
}

// The steady publisher.
const (
	steadySlot  = 1024 // bytes that each of its slots takes
	steadySlots = 128  // as many as its limit has room for
)

// steadyPublisher publishes on "load" until it is paused: bursts of samples in entries and in slots, by every publish call.
type steadyPublisher struct {
	ctx context.Context
	pub *topic.Publisher[[]byte]

	mu     sync.Mutex // held during a burst
	paused bool
	sent   uint64
}

// steady is the request of a process with the steady publisher.
type steady struct{}

func runSteady(ctx context.Context, parent *subproc.Parent, _ steady) error {
	p, err := topic.Join(nil)
	if err != nil {
		return err
	}
	pub, err := topic.NewPublisher(ctx, p, "load", &topic.PublisherOptions[[]byte]{MemoryLimit: steadySlots * steadySlot})
	if err != nil {
		return err
	}
	s := &steadyPublisher{ctx: context.Background(), pub: pub, paused: true}
	go s.run()
	err = harness.Serve(ctx, parent, s, []harness.Handler[*steadyPublisher]{
		harness.On(steadyID{}), harness.On(pause{}), harness.On(resume{}), harness.On(publisherResources{}), harness.On(countSlots{}), harness.On(countSubscribers{}),
	})
	if err != nil {
		return err
	}
	s.mu.Lock() // for ever
	return p.Close()
}

func (s *steadyPublisher) run() {
	for i := 0; ; i++ {
		s.mu.Lock()
		if !s.paused {
			if err := s.burst(i); err != nil {
				harness.Exit(err)
			}
		}
		s.mu.Unlock()
		time.Sleep(500 * time.Microsecond)
	}
}

func (s *steadyPublisher) payload(seq uint64) []byte {
	n := 8 + int(seq*7%97)
	if seq%3 == 0 {
		n = 449 + int(seq*11%500)
	}
	b := make([]byte, n)
	harness.Fill(b, stamp(seq, n))
	return b
}

func (s *steadyPublisher) burst(i int) error {
	const n = 12
	if i%3 == 0 {
		var all [][]byte
		for k := range n {
			all = append(all, s.payload(s.sent+1+uint64(k)))
		}
		k, err := s.pub.PublishBatch(s.ctx, all)
		s.sent += uint64(k)
		return err
	}
	for range n {
		b := s.payload(s.sent + 1)
		if i%3 == 1 {
			if _, err := s.pub.Publish(s.ctx, b); err != nil {
				return err
			}
		} else {
			loan, err := s.pub.Loan(s.ctx, max(len(b), 449))
			if err != nil {
				return err
			}
			if _, err := loan.Commit(s.ctx, copy(loan.Bytes(), b)); err != nil {
				return err
			}
		}
		s.sent++
	}
	return nil
}

// steadyID returns the publisher's id.
type steadyID struct{}

func (steadyID) Run(_ context.Context, s *steadyPublisher) (string, error) {
	return s.pub.ID().String(), nil
}

// pause ends the bursts, and returns how many samples were published.
type pause struct{}

func (pause) Run(_ context.Context, s *steadyPublisher) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.paused = true
	return s.sent, nil
}

// resume begins the bursts again.
type resume struct{}

func (resume) Run(_ context.Context, s *steadyPublisher) (struct{}, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.paused = false
	return struct{}{}, nil
}

// publisherResources returns the resources of the process, without mappings of a file.
type publisherResources struct{ Inode string }

func (c publisherResources) Run(context.Context, *steadyPublisher) (resources, error) {
	return measureResources(c.Inode)
}

// countSlots returns how many slots can be had at once, when they are as many as wanted or after a quarter of the time limit.
type countSlots struct{ Want int }

func (c countSlots) Run(_ context.Context, s *steadyPublisher) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return until(c.Want, s.fill)
}

// countSubscribers is countSlots for the connected subscriptions.
type countSubscribers struct{ Want int }

func (c countSubscribers) Run(_ context.Context, s *steadyPublisher) (int, error) {
	return until(c.Want, func() (int, error) { return s.pub.Subscribers(), nil })
}

// until polls a number until it is the wanted one, because the processes learn of a death at different times. It gives up after a
// quarter of harness.WaitLimit.
func until(want int, ask func() (int, error)) (n int, err error) {
	for begin := time.Now(); time.Since(begin) < harness.WaitLimit/4; time.Sleep(time.Millisecond) {
		if n, err = ask(); err != nil || n == want {
			return n, err
		}
	}
	return n, nil
}

// fill borrows slots until there are no more, and gives them back.
func (s *steadyPublisher) fill() (int, error) {
	var loans []topic.Loan
	for {
		loan, err := s.pub.Loan(s.ctx, 900)
		if errors.As(err, new(*shmtransport.NoSlotError)) {
			break
		}
		if err != nil {
			return 0, err
		}
		loans = append(loans, loan)
	}
	for _, l := range loans {
		l.Discard()
	}
	return len(loans), nil
}
