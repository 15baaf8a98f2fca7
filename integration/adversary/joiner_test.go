//go:build linux

package adversary

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/shmbus/shmbus/integration/internal/harness"
	"github.com/shmbus/shmbus/internal/subproc"
	"github.com/shmbus/shmbus/topic"
)

// A joinerRequest starts a joiner, which shares topics with an adversary that joined earlier, and joins the domain again and again.
type joinerRequest struct{}

type joiner struct {
	stop   context.CancelFunc
	shared chan error
}

func runJoiner(ctx context.Context, parent *subproc.Parent, _ joinerRequest) error {
	return harness.Serve(ctx, parent, new(joiner), []harness.Handler[*joiner]{harness.On(startSharing{}), harness.On(stopSharing{}), harness.On(joinDomain{})})
}

// startSharing begins to receive losslessly from the two target publishers that the adversary also receives from.
type startSharing struct{}

func (startSharing) Run(_ context.Context, j *joiner) (struct{}, error) {
	ctx, stop := context.WithCancel(context.Background())
	j.stop, j.shared = stop, make(chan error, 1)
	connected := make(chan struct{})
	go func() { j.shared <- shareTopics(ctx, connected) }()
	select {
	case <-connected:
		return struct{}{}, nil
	case err := <-j.shared:
		return struct{}{}, err
	}
}

// stopSharing ends what startSharing began, and returns its error.
type stopSharing struct{}

func (stopSharing) Run(_ context.Context, j *joiner) (struct{}, error) {
	j.stop()
	return struct{}{}, <-j.shared
}

// joinDomain joins the domain and leaves it.
type joinDomain struct{}

func (joinDomain) Run(context.Context, *joiner) (struct{}, error) { return struct{}{}, joinAndLeave() }

// shareTopics receives losslessly from the two target publishers. It holds more samples than a ring has entries, and checks each sample
// when it arrives and when it is released. It ends when ctx has ended and each publisher has sent a sample.
func shareTopics(ctx context.Context, connected chan<- struct{}) error {
	p, err := topic.Join(&topic.Options{Unit: "visitor"})
	if err != nil {
		return err
	}
	sub, err := topic.NewSubscriber(ctx, p, peerTopic, &topic.SubscriberOptions[[]byte]{Patterns: []string{targetTopic}, Lossless: true})
	if err != nil {
		return err
	}
	if err := sub.WaitPublishers(context.Background(), 2); err != nil {
		return err
	}
	close(connected)
	last := map[topic.PublisherID]uint64{}
	var held []topic.Sample[[]byte]
	letGo := func() error {
		s := held[0]
		held = held[1:]
		defer s.Release()
		if err := harness.Check(s.Bytes(), s.Sequence()); err != nil {
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
		if err := harness.Check(s.Bytes(), s.Sequence()); err != nil {
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
		n := harness.GrowingSize(500*seq) % len(b)
		harness.Fill(b[:n], seq+1)
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
		if err := harness.Check(s.Bytes(), s.Sequence()); err != nil {
			return err
		}
		s.Release()
	}
	s, err := old.Receive(ctx)
	if err != nil {
		return fmt.Errorf("receive from an earlier publisher: %w", err)
	}
	defer s.Release()
	return harness.Check(s.Bytes(), s.Sequence())
}
