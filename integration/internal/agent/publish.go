//go:build linux

package agent

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/shmbus/shmbus/topic"
)

// Advertise makes a publisher.
type Advertise struct {
	Name, Topic string
	InitialSize int // bytes; 0: the default
	Depth       int // 0: the default
	Latched     bool
}

func (c Advertise) Run(ctx context.Context, s *State) (Timing, error) {
	return timed(func() error {
		pub, err := topic.NewPublisher(ctx, s.Participant, c.Topic,
			&topic.PublisherOptions[[]byte]{InitialSampleSize: c.InitialSize, Depth: c.Depth, Latched: c.Latched})
		if err == nil {
			s.publishers[c.Name] = pub
		}
		return err
	})
}

// AdvertiseMany makes publishers of the topics PREFIX/0, PREFIX/1 and so on, which have the names of their topics.
type AdvertiseMany struct {
	Prefix string
	N      int
}

func (c AdvertiseMany) Run(ctx context.Context, s *State) (Timing, error) {
	return timed(func() error {
		for i := range c.N {
			name := Numbered(c.Prefix, i)
			pub, err := topic.NewPublisher[[]byte](ctx, s.Participant, name, nil)
			if err != nil {
				return err
			}
			s.publishers[name] = pub
		}
		return nil
	})
}

// Numbered is the name of publisher i of AdvertiseMany.
func Numbered(prefix string, i int) string { return fmt.Sprintf("%s/%d", prefix, i) }

// SendEach publishes one sample by each of the first publishers of AdvertiseMany.
type SendEach struct {
	Prefix string
	N      int
}

func (c SendEach) Run(ctx context.Context, s *State) (none, error) {
	for i := range c.N {
		if _, err := s.publishers[Numbered(c.Prefix, i)].Publish(ctx, []byte("x")); err != nil {
			return none{}, err
		}
	}
	return none{}, nil
}

// Send publishes samples of a size.
type Send struct {
	Publisher string
	N, Size   int
	Random    bool // bytes that do not compress
}

// Sent says what came of a call that publishes.
type Sent struct {
	Timing
	Samples uint64
}

func (c Send) Run(ctx context.Context, s *State) (sent Sent, err error) {
	sent.Timing, err = timed(func() error {
		b := s.bytes(c.Size)
		for range c.N {
			if c.Random {
				rand.Read(b)
			}
			if _, err := s.publishers[c.Publisher].Publish(ctx, b); err != nil {
				return err
			}
			sent.Samples++
		}
		return nil
	})
	return sent, err
}

// SendBatch publishes samples of a size by one call.
type SendBatch struct {
	Publisher string
	N, Size   int
}

func (c SendBatch) Run(ctx context.Context, s *State) (Sent, error) {
	values := make([][]byte, c.N)
	for i := range values {
		values[i] = s.bytes(c.Size)
	}
	n, err := s.publishers[c.Publisher].PublishBatch(ctx, values)
	return Sent{Samples: uint64(n)}, err
}

// SendParts publishes a sample of a size in two parts.
type SendParts struct {
	Publisher string
	Size      int
}

func (c SendParts) Run(ctx context.Context, s *State) (none, error) {
	b := s.bytes(c.Size / 2)
	_, err := s.publishers[c.Publisher].PublishV(ctx, b, b)
	return none{}, err
}

// Loan borrows a slot.
type Loan struct {
	Publisher string
	Size      int
}

func (c Loan) Run(ctx context.Context, s *State) (none, error) {
	loan, err := s.publishers[c.Publisher].Loan(ctx, c.Size)
	if err == nil {
		s.loans[c.Publisher] = loan
	}
	return none{}, err
}

// Commit publishes the slot that was borrowed last.
type Commit struct{ Publisher string }

func (c Commit) Run(ctx context.Context, s *State) (none, error) {
	loan := s.loans[c.Publisher]
	_, err := loan.Commit(ctx, len(loan.Bytes()))
	return none{}, err
}

// PreparePayload allocates the payloads of later calls, up to the size.
type PreparePayload struct{ Size int }

func (c PreparePayload) Run(_ context.Context, s *State) (none, error) {
	s.bytes(c.Size)
	return none{}, nil
}

// bytes is a payload. It is allocated only if there was none of that size.
func (s *State) bytes(n int) []byte {
	if n > len(s.payload) {
		s.payload = make([]byte, n)
	}
	return s.payload[:n]
}

// CountReaders returns how many subscriptions are connected to a publisher.
type CountReaders struct{ Publisher string }

func (c CountReaders) Run(_ context.Context, s *State) (int, error) {
	return s.publishers[c.Publisher].Subscribers(), nil
}

// WaitReadersAtMost waits until no more than so many subscriptions are connected to a publisher.
type WaitReadersAtMost struct {
	Publisher string
	N         int
}

func (c WaitReadersAtMost) Run(ctx context.Context, s *State) (none, error) {
	pub := s.publishers[c.Publisher]
	for pub.Subscribers() > c.N {
		select {
		case <-time.After(time.Millisecond): // no event tells
		case <-ctx.Done():
			return none{}, fmt.Errorf("%d subscriptions are connected, not %d", pub.Subscribers(), c.N)
		}
	}
	return none{}, nil
}

// ChurnPublishers makes publishers one after the other, which publish a sample and close.
type ChurnPublishers struct {
	Topic string
	N     int
}

func (c ChurnPublishers) Run(ctx context.Context, s *State) (Timing, error) {
	return timed(func() error {
		for range c.N {
			pub, err := topic.NewPublisher[[]byte](ctx, s.Participant, c.Topic, nil)
			if err != nil {
				return err
			}
			if _, err := pub.Publish(ctx, []byte("x")); err != nil {
				return err
			}
			if err := pub.Close(); err != nil {
				return err
			}
		}
		return nil
	})
}
