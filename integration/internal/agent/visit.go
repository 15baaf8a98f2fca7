//go:build linux

package agent

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/shmbus/shmbus/integration/internal/harness"
	"github.com/shmbus/shmbus/topic"
)

// FlowTopics is how many topics have flows, and how many visitors publish on.
const FlowTopics = 5

// visitorSamples is how many samples a visitor publishes.
const visitorSamples = 3

// FlowTopic and VisitorTopic name the topics of the permanent processes and of the visitors.
func FlowTopic(i int) string    { return fmt.Sprintf("flow/%d", i) }
func VisitorTopic(i int) string { return fmt.Sprintf("gust/%d", i) }

func isVisitorTopic(name string) bool { return strings.HasPrefix(name, "gust/") }

// Visit joins so many times as a participant of its own and leaves. In between the visitor receives from a flow, losslessly or not, or
// publishes, according to its number.
type Visit struct {
	N     int
	First int // number of the first visitor
}

// Run returns how many samples the visitors published, by topic.
func (c Visit) Run(ctx context.Context, _ *State) (published []uint64, _ error) {
	published = make([]uint64, FlowTopics)
	for n := range c.N {
		if err := visit(c.First+n, published); err != nil {
			return published, fmt.Errorf("visit %d: %w", n, err)
		}
	}
	return published, nil
}

func visit(i int, published []uint64) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), harness.WaitLimit)
	defer cancel()
	p, err := topic.Join(nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	at := i / 3 % FlowTopics
	if i%3 != 0 {
		return receiveThree(p, FlowTopic(at), i%3 == 1, new(Received))
	}
	pub, err := topic.NewPublisher[[]byte](ctx, p, VisitorTopic(at), nil)
	if err != nil {
		return err
	}
	if err := pub.WaitSubscribers(ctx, 1); err != nil {
		return err
	}
	b := make([]byte, flowSizes[1])
	for seq := uint64(1); seq <= visitorSamples; seq++ {
		harness.Fill(b, seq)
		if _, err := pub.Publish(ctx, b); err != nil {
			return err
		}
		published[at]++
	}
	if i%2 == 0 {
		return nil // leaving closes it
	}
	return pub.Close()
}

// Reconnect subscribes, receives and closes so many times, losslessly every other time.
type Reconnect struct {
	Topic string
	N     int
}

func (c Reconnect) Run(_ context.Context, s *State) (got Received, _ error) {
	for n := range c.N {
		if err := receiveThree(s.Participant, c.Topic, n%2 == 1, &got); err != nil {
			return got, fmt.Errorf("connection %d: %w", n, err)
		}
	}
	return got, nil
}

// receiveThree subscribes to a flow, checks three samples, and closes.
func receiveThree(p *topic.Participant, name string, lossless bool, got *Received) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), harness.WaitLimit)
	defer cancel()
	sub, err := topic.NewSubscriber(ctx, p, name, &topic.SubscriberOptions[[]byte]{Lossless: lossless})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sub.Close()) }()
	last := uint64(0)
	for range 3 {
		s, err := sub.Receive(ctx)
		if err != nil {
			return err
		}
		if err := harness.Check(s.Bytes(), s.Sequence()); err != nil {
			return err
		}
		if want := last + 1 + s.Lost(); last != 0 && s.Sequence() != want || lossless && s.Lost() != 0 {
			return fmt.Errorf("on %s came %d after %d, with %d lost", name, s.Sequence(), last, s.Lost())
		}
		got.add(s)
		last = s.Sequence()
		s.Release()
	}
	return nil
}
