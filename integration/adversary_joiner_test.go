//go:build linux

package integration

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/shmbus/shmbus/topic"
)

// joinerRole shares topics with an adversary that joined earlier, from the first number on its standard input to the second. Each
// later number has the role join the domain once and leave. The role reports the error, or an empty text, each time.
func joinerRole([]string) error {
	told, asked := readNumbers()
	if err := report("ready"); err != nil {
		return err
	}
	<-told
	if err := shareTopics(told); err != nil {
		return err
	}
	if err := report(""); err != nil {
		return err
	}
	for range told {
		text := ""
		if err := joinAndLeave(); err != nil {
			text = err.Error()
		}
		if err := report(text); err != nil {
			return err
		}
	}
	<-asked
	return nil
}

// shareTopics receives losslessly from the two target publishers that the adversary also receives from. It holds more samples than a
// ring has entries, and checks each sample when it arrives and when it is released. It ends when a number comes on until and each
// publisher has sent a sample.
func shareTopics(until <-chan uint64) error {
	p, err := topic.Join(&topic.Options{Unit: "visitor"})
	if err != nil {
		return err
	}
	sub, err := topic.NewSubscriber(context.Background(), p, peerTopic, &topic.SubscriberOptions[[]byte]{Patterns: []string{targetTopic}, Lossless: true})
	if err != nil {
		return err
	}
	if err := errors.Join(sub.WaitPublishers(context.Background(), 2), report("")); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		<-until
		cancel()
	}()
	last := map[topic.PublisherID]uint64{}
	var held []topic.Sample[[]byte]
	letGo := func() error {
		s := held[0]
		held = held[1:]
		defer s.Release()
		if err := check(s.Bytes(), s.Sequence()); err != nil {
			return fmt.Errorf("while held: %w", err)
		}
		return nil
	}
	for ctx.Err() == nil || len(last) < 2 {
		wait := ctx
		if ctx.Err() != nil { // the adversary ended early, and a publisher may still wait for the timeout of a lossless reader
			wait = context.Background()
		}
		s, err := sub.Receive(wait)
		if errors.Is(err, context.Canceled) {
			continue
		}
		if err != nil {
			return err
		}
		if was := last[s.Publisher()]; s.Lost() != 0 || was != 0 && s.Sequence() != was+1 {
			return fmt.Errorf("sample %d after %d with %d lost", s.Sequence(), was, s.Lost())
		}
		last[s.Publisher()] = s.Sequence()
		if err := check(s.Bytes(), s.Sequence()); err != nil {
			return err
		}
		if held = append(held, s); len(held) > 2*targetHold {
			if err := letGo(); err != nil {
				return err
			}
		}
	}
	for len(held) > 0 {
		if err := letGo(); err != nil {
			return err
		}
	}
	return p.Close()
}

// joinAndLeave joins as two new participants. One publishes to the other, which also receives a sample of an earlier publisher. Then
// both leave.
func joinAndLeave() (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var two [2]*topic.Participant
	for i := range two {
		p, err := topic.Join(&topic.Options{Unit: "visitor"})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, p.Close()) }()
		two[i] = p
	}
	pub, err := topic.NewPublisher[[]byte](ctx, two[0], "visit", nil)
	if err != nil {
		return err
	}
	sub, err := topic.NewSubscriber(ctx, two[1], "visit", &topic.SubscriberOptions[[]byte]{Lossless: true})
	if err != nil {
		return err
	}
	old, err := topic.NewSubscriber(ctx, two[1], peerTopic, &topic.SubscriberOptions[[]byte]{Lossless: true})
	if err != nil {
		return err
	}
	if err := errors.Join(sub.WaitPublishers(ctx, 1), pub.WaitSubscribers(ctx, 1)); err != nil {
		return fmt.Errorf("meet: %w", err)
	}
	b := make([]byte, 3000)
	for seq := range uint64(20) {
		n := size(1, true, 500*seq) % len(b)
		fill(b[:n], seq+1)
		if _, err := pub.Publish(ctx, b[:n]); err != nil {
			return err
		}
		s, err := sub.Receive(ctx)
		if err != nil {
			return fmt.Errorf("receive %d: %w", seq+1, err)
		}
		if s.Sequence() != seq+1 || len(s.Bytes()) != n || s.Lost() != 0 {
			return fmt.Errorf("sample %d of %d bytes after %d lost", s.Sequence(), len(s.Bytes()), s.Lost())
		}
		if err := check(s.Bytes(), s.Sequence()); err != nil {
			return err
		}
		s.Release()
	}
	s, err := old.Receive(ctx)
	if err != nil {
		return fmt.Errorf("receive from who was there: %w", err)
	}
	defer s.Release()
	return check(s.Bytes(), s.Sequence())
}
