//go:build linux

package agent

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/shmbus/shmbus/internal/clock"
	"github.com/shmbus/shmbus/topic"
)

// Subscribe makes a subscriber.
type Subscribe struct {
	Name, Pattern string
	Lossless      bool
	Timeout       time.Duration // of a lossless subscriber; 0: the default
	History       int
	Deadline      time.Duration // 0: none
}

func (c Subscribe) Run(ctx context.Context, s *State) (Timing, error) {
	return timed(func() error {
		sub, err := topic.NewSubscriber(ctx, s.Participant, c.Pattern,
			&topic.SubscriberOptions[[]byte]{Lossless: c.Lossless, LosslessTimeout: c.Timeout, History: c.History, Deadline: c.Deadline})
		if err == nil {
			s.subscribers[c.Name] = sub
		}
		return err
	})
}

// Received are the samples that a call received or found lost.
type Received struct {
	Received, Lost uint64
	Topics         int   // distinct ones
	Size           int   // of the last payload
	At             int64 // when the call had them, in nanoseconds of CLOCK_MONOTONIC
}

// Take receives samples one by one until so many were received or lost.
type Take struct {
	Subscriber string
	N          int
}

func (c Take) Run(ctx context.Context, s *State) (got Received, _ error) {
	topics := map[string]bool{}
	for got.Received+got.Lost < uint64(c.N) {
		sample, err := s.subscribers[c.Subscriber].Receive(ctx)
		if err != nil {
			return got, err
		}
		got.add(sample)
		topics[sample.Topic()] = true
		got.Topics = len(topics)
		sample.Release()
	}
	got.At = clock.New().Now()
	return got, nil
}

func (got *Received) add(sample topic.Sample[[]byte]) {
	got.Received++
	got.Lost += sample.Lost()
	got.Size = len(sample.Bytes())
}

// Drain receives samples in batches until so many were received or lost.
type Drain struct {
	Subscriber string
	N          int
}

func (c Drain) Run(ctx context.Context, s *State) (got Received, _ error) {
	buf := make([]topic.Sample[[]byte], c.N)
	for int(got.Received+got.Lost) < len(buf) {
		n, err := s.subscribers[c.Subscriber].ReceiveBatch(ctx, buf)
		if err != nil {
			return got, err
		}
		for _, sample := range buf[:n] {
			got.add(sample)
			sample.Release()
		}
	}
	return got, nil
}

// TakeLatest returns the size of the newest sample.
type TakeLatest struct{ Subscriber string }

func (c TakeLatest) Run(_ context.Context, s *State) (size int, _ error) {
	sample, ok, err := s.subscribers[c.Subscriber].Latest()
	if err != nil {
		return 0, err
	}
	if !ok {
		return 0, errors.New("there is no newest sample")
	}
	defer sample.Release()
	return len(sample.Bytes()), nil
}

// TakeStamped receives the next sample.
type TakeStamped struct{ Subscriber string }

// Stamped is a sample with its stamp and the time at which it was received.
type Stamped struct {
	Stamp, At int64
	Lost      uint64
}

func (c TakeStamped) Run(ctx context.Context, s *State) (got Stamped, _ error) {
	sample, err := s.subscribers[c.Subscriber].Receive(ctx)
	if err != nil {
		return got, err
	}
	defer sample.Release()
	return Stamped{int64(sample.Stamp()), clock.New().Now(), sample.Lost()}, nil
}

// TakeNone fails if a sample is there.
type TakeNone struct{ Subscriber string }

func (c TakeNone) Run(_ context.Context, s *State) (none, error) {
	sample, ok, err := s.subscribers[c.Subscriber].TryReceive()
	if ok {
		defer sample.Release()
		return none{}, fmt.Errorf("sample %d is there, %d were lost", sample.Sequence(), sample.Lost())
	}
	return none{}, err
}

// Stats returns what a subscriber counted so far.
type Stats struct{ Subscriber string }

func (c Stats) Run(_ context.Context, s *State) (Received, error) {
	stats := s.subscribers[c.Subscriber].Stats()
	return Received{Received: stats.Messages, Lost: stats.Lost}, nil
}

// ChurnSubscribers makes subscribers one after the other, which close at once.
type ChurnSubscribers struct {
	Pattern string
	N       int
}

func (c ChurnSubscribers) Run(ctx context.Context, s *State) (Timing, error) {
	return timed(func() error {
		for range c.N {
			sub, err := topic.NewSubscriber[[]byte](ctx, s.Participant, c.Pattern, nil)
			if err != nil {
				return err
			}
			if err := sub.Close(); err != nil {
				return err
			}
		}
		return nil
	})
}

// WaitPeers waits until so many subscriptions are connected to a publisher, or publishers to a subscriber.
type WaitPeers struct {
	Name string
	N    int
}

func (c WaitPeers) Run(ctx context.Context, s *State) (none, error) {
	if pub := s.publishers[c.Name]; pub != nil {
		return none{}, pub.WaitSubscribers(ctx, c.N)
	}
	return none{}, s.subscribers[c.Name].WaitPublishers(ctx, c.N)
}

// Close closes the publisher, or else the subscriber, of a name.
type Close struct {
	Name   string
	IfOpen bool // succeed without one of the name
}

func (c Close) Run(_ context.Context, s *State) (none, error) {
	pub, sub := s.publishers[c.Name], s.subscribers[c.Name]
	switch {
	case pub != nil:
		delete(s.publishers, c.Name)
		return none{}, pub.Close()
	case sub == nil && c.IfOpen:
		return none{}, nil
	}
	delete(s.subscribers, c.Name)
	return none{}, sub.Close()
}
