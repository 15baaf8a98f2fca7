//go:build linux

package adversary

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/shmbus/shmbus/integration/internal/harness"
	"github.com/shmbus/shmbus/shmtransport"
	"github.com/shmbus/shmbus/topic"
)

// The target subscribers hold more samples than a ring has entries, so that only marks keep some of the samples.
const targetHold = 40

// adversaryTarget is the publisher and the subscriber with which a peer shares topics with targets and adversaries.
type adversaryTarget struct {
	pub       *topic.Publisher[[]byte]
	sub       *topic.Subscriber[[]byte] // of the targets and the adversaries, lossless
	published uint64
	accounted atomic.Uint64 // samples received and lost
	got       harness.Report
}

func newAdversaryTarget(p *topic.Participant) (*adversaryTarget, error) {
	h := new(adversaryTarget)
	var err error
	if h.sub, err = topic.NewSubscriber(context.Background(), p, "hostile/**", &topic.SubscriberOptions[[]byte]{Lossless: true}); err != nil {
		return nil, err
	}
	h.pub, err = topic.NewPublisher(context.Background(), p, peerTopic, &topic.PublisherOptions[[]byte]{MemoryLimit: 16 << 20})
	return h, err
}

// waitConnected returns when both are there.
func (h *adversaryTarget) waitConnected() error {
	ctx := context.Background()
	return errors.Join(h.sub.WaitPublishers(ctx, 1), h.pub.WaitSubscribers(ctx, 1))
}

// publish publishes until ctx ends. Adversaries may hold so much of the publisher's memory that a sample finds no space; such a sample
// is not counted.
func (h *adversaryTarget) publish(ctx context.Context) error {
	b := make([]byte, 70<<10)
	for i := 0; ctx.Err() == nil; i++ {
		n := shmtransport.SmallPayload - 100 + i*37%5000
		if i%64 == 0 {
			n = len(b)
		}
		harness.Fill(b[:n], h.published+1)
		brief, stop := context.WithTimeout(ctx, 50*time.Millisecond)
		_, err := h.pub.Publish(brief, b[:n])
		stop()
		var space *shmtransport.NoSlotError
		switch {
		case err == nil:
			h.published++
		case !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled) && !errors.As(err, &space):
			return err
		}
		time.Sleep(100 * time.Microsecond)
	}
	return nil
}

// receive accounts for every sample of the target publisher.
func (h *adversaryTarget) receive(ctx context.Context) error {
	var held []topic.Sample[[]byte]
	var from topic.PublisherID
	var b []byte
	for {
		s, err := h.sub.Receive(ctx)
		if err != nil {
			if ctx.Err() == nil {
				return err
			}
			break
		}
		if s.Topic() != targetTopic { // of which nothing is to be believed, nor that it stays
			b, _ = s.AppendTo(b[:0])
			s.Release()
			continue
		}
		if h.got.Received == 0 {
			from = s.Publisher()
		}
		h.got.Received++
		h.got.Lost += s.Lost()
		if s.Publisher() != from || s.Sequence() != h.got.Received+h.got.Lost {
			return fmt.Errorf("sample %d of %v after %+v of %v", s.Sequence(), s.Publisher(), h.got, from)
		}
		if err := harness.Check(s.Bytes(), s.Sequence()); err != nil {
			return err
		}
		if held = append(held, s); len(held) > targetHold {
			if err := harness.Check(held[0].Bytes(), held[0].Sequence()); err != nil {
				return fmt.Errorf("while held: %w", err)
			}
			held[0].Release()
			held = held[1:]
		}
		h.accounted.Store(s.Sequence())
	}
	for _, s := range held {
		if err := harness.Check(s.Bytes(), s.Sequence()); err != nil {
			return fmt.Errorf("while held: %w", err)
		}
		s.Release()
	}
	return nil
}
