//go:build linux && shmbus_failpoints

package crash

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/shmbus/shmbus/integration/internal/harness"
	"github.com/shmbus/shmbus/topic"
)

func (v *victim) subscribe() error { return v.sub(&topic.SubscriberOptions[[]byte]{}) }
func (v *victim) subscribeLossless() error {
	return v.sub(&topic.SubscriberOptions[[]byte]{Lossless: true, LosslessTimeout: v.losslessTimeout})
}

func (v *victim) sub(opts *topic.SubscriberOptions[[]byte]) error {
	s, err := topic.NewSubscriber(context.Background(), v.p, "load", opts)
	v.subs = append(v.subs, s)
	return err
}

// check checks a sample and keeps it; of those it keeps the oldest goes when there are more than a few.
func (v *victim) check(s topic.Sample[[]byte], keep int) error {
	if err := harness.Check(s.Bytes(), stamp(s.Sequence(), len(s.Bytes()))); err != nil {
		return err
	}
	if was := v.last[s.Publisher()]; was != 0 && s.Sequence() != was+1+s.Lost() {
		return fmt.Errorf("sequence %d after %d with %d lost", s.Sequence(), was, s.Lost())
	}
	if v.main == (topic.PublisherID{}) {
		v.main = s.Publisher()
	}
	if s.Publisher() == v.main {
		v.noteReceived(s.Lost())
	}
	v.last[s.Publisher()] = s.Sequence()
	v.held = append(v.held, s)
	for len(v.held) > keep {
		old := v.held[0]
		if err := harness.Check(old.Bytes(), stamp(old.Sequence(), len(old.Bytes()))); err != nil {
			return fmt.Errorf("while held: %w", err)
		}
		old.Release()
		v.held = v.held[1:]
	}
	return nil
}

func (v *victim) take() error {
	for range 100 {
		if err := v.takeOne(); err != nil {
			return err
		}
	}
	return nil
}

// poll publishes samples and takes each without a sleep, so that the subscription begins to poll, and then sleeps.
func (v *victim) poll() error {
	for range 1100 {
		if err := v.publish(8); err != nil {
			return err
		}
		s, ok, err := v.subs[0].TryReceive()
		if !ok || err != nil {
			return fmt.Errorf("the sample that was published: %t, %w", ok, err)
		}
		if err := v.check(s, 6); err != nil {
			return err
		}
	}
	for range 2 {
		ctx, cancel := context.WithTimeout(v.ctx, 5*time.Millisecond)
		_, err := v.subs[0].Receive(ctx)
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			return fmt.Errorf("receive after the last sample: %w", err)
		}
		if err := v.publish(8); err != nil {
			return err
		}
		if err := v.takeOne(); err != nil {
			return err
		}
	}
	return nil
}

func (v *victim) takeOne() error {
	s, err := v.subs[0].Receive(v.ctx)
	if err != nil {
		return err
	}
	return v.check(s, 6)
}

func (v *victim) takeBatches() error {
	buf := make([]topic.Sample[[]byte], 10)
	for n := 0; n < 100; {
		k, err := v.subs[0].ReceiveBatch(v.ctx, buf)
		if err != nil {
			return err
		}
		for _, s := range buf[:k] {
			if err := v.check(s, 6); err != nil {
				return err
			}
		}
		n += k
	}
	return nil
}

// latest asks for the newest sample on a subscription of its own.
func (v *victim) latest() error {
	s, err := topic.NewSubscriber[[]byte](context.Background(), v.p, "load", nil)
	if err != nil {
		return err
	}
	newest := map[topic.PublisherID]uint64{}
	for n := 0; n < 40; {
		m, ok, err := s.Latest()
		if err != nil {
			return err
		}
		if !ok {
			if err := v.pause(); err != nil {
				return err
			}
			continue
		}
		n++
		if err := harness.Check(m.Bytes(), stamp(m.Sequence(), len(m.Bytes()))); err != nil {
			return err
		}
		// What was taken back is not there any more, so what is the newest may have been so before.
		if m.Sequence()+depth < newest[m.Publisher()] {
			return fmt.Errorf("the newest was %d and is %d", newest[m.Publisher()], m.Sequence())
		}
		newest[m.Publisher()] = m.Sequence()
		m.Release()
		time.Sleep(50 * time.Microsecond)
	}
	return s.Close()
}

// lag lets the publisher get ahead, so that samples are lost.
func (v *victim) lag() error {
	for lost := 0; lost < 3; {
		time.Sleep(5 * time.Millisecond)
		was := v.subs[0].Stats().Lost
		if err := v.take(); err != nil {
			return err
		}
		if v.subs[0].Stats().Lost > was {
			lost++
		}
		if err := v.ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// receiveSlowly makes the publisher wait.
func (v *victim) receiveSlowly() error {
	for range 40 {
		s, err := v.subs[0].Receive(v.ctx)
		if err != nil {
			return err
		}
		if err := v.check(s, 6); err != nil {
			return err
		}
		time.Sleep(500 * time.Microsecond)
	}
	return nil
}

// hold keeps as many samples as it can get.
func (v *victim) hold() error {
	for range 40 {
		s, err := v.subs[0].Receive(v.ctx)
		if err != nil {
			return err
		}
		if err := v.check(s, 30); err != nil {
			return err
		}
	}
	return nil
}
