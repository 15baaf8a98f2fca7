//go:build linux && shmbus_failpoints

package crash

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/shmbus/shmbus/integration/internal/harness"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/shmtransport"
	"github.com/shmbus/shmbus/topic"
)

func (v *victim) advertise() (err error) {
	v.pub, err = topic.NewPublisher(context.Background(), v.p, "load", &topic.PublisherOptions[[]byte]{
		Codec: serde.Opaque(serde.Type{Name: "octets", Encoding: "octets", SchemaEncoding: "text", Schema: bytes.Repeat([]byte("eight "), 500)}),
		// Room for two sorts of small slots and seven large ones, or for eight large ones and one sort of small slots.
		MemoryLimit: 640_000,
	})
	v.count(true)
	return err
}

// payload is the one that has the next sequence.
func (v *victim) payload(n int) []byte {
	v.seq++
	b := make([]byte, n)
	harness.Fill(b, stamp(v.seq, n))
	return b
}

func (v *victim) publish(n int) error {
	b := v.payload(n)
	for {
		_, err := v.pub.Publish(v.ctx, b)
		if !errors.As(err, new(*shmtransport.NoSlotError)) {
			return err
		}
		time.Sleep(100 * time.Microsecond) // readers hold everything, and let go
	}
}

func (v *victim) small() error {
	for i := range 60 {
		if err := v.publish(8 + i%97); err != nil {
			return err
		}
	}
	return nil
}

func (v *victim) slots() error {
	for i := range 40 {
		if err := v.publish(449 + i*12); err != nil {
			return err
		}
	}
	for i := range 40 {
		if err := v.publish(1800 + i); err != nil {
			return err
		}
	}
	return nil
}

func (v *victim) batches() error {
	for i := range 6 {
		var all [][]byte
		for k := range 12 {
			n := 8 + k*7
			if i%2 == 1 && k%3 == 0 {
				n = 500 + k
			}
			all = append(all, v.payload(n))
		}
		if _, err := v.pub.PublishBatch(v.ctx, all); err != nil {
			return err
		}
	}
	return nil
}

func (v *victim) loans() error {
	for i := range 20 {
		n := 600 + i
		if i%4 == 3 {
			n = 50 // it turns out small
		}
		loan, err := v.pub.Loan(v.ctx, 700)
		if err != nil {
			return err
		}
		if i%5 == 4 {
			loan.Discard()
			continue
		}
		v.seq++
		harness.Fill(loan.Bytes()[:n], stamp(v.seq, n))
		if _, err := loan.Commit(v.ctx, n); err != nil {
			return err
		}
	}
	return nil
}

// atTheLimit publishes large samples until memory of smaller slots is given back for them, and then small ones.
func (v *victim) atTheLimit() error {
	for i := range 60 {
		if err := v.publish(70_000 + i); err != nil {
			return err
		}
	}
	for i := range 40 {
		if err := v.publish(900 + i); err != nil {
			return err
		}
	}
	return nil
}

// connectReader has another participant subscribe and leave.
func (v *victim) connectReader() error {
	guest, err := topic.Join(&topic.Options{Unit: "guest"})
	if err != nil {
		return err
	}
	sub, err := topic.NewSubscriber[[]byte](context.Background(), guest, "load", nil)
	if err != nil {
		return err
	}
	if err := v.publish(20); err != nil {
		return err
	}
	removed := v.passed("removereader.generation")
	if err := errors.Join(sub.Close(), guest.Close()); err != nil {
		return err
	}
	for v.passed("removereader.generation") == removed { // other victims join and leave too, so that the number of readers says nothing
		if err := v.pause(); err != nil {
			return err
		}
	}
	return v.publish(30)
}

// pause is for what comes without a call that waits for it.
func (v *victim) pause() error {
	time.Sleep(time.Millisecond)
	return v.ctx.Err()
}

// slowReader publishes to a slow lossless reader.
func (v *victim) slowReader() error {
	v.count(false)
	slow, err := topic.NewPublisher(context.Background(), v.p, "slow", &topic.PublisherOptions[[]byte]{Depth: 4})
	if err != nil {
		return err
	}
	for i := range 24 {
		b := make([]byte, 8+i)
		harness.Fill(b, stamp(uint64(i+1), len(b)))
		if _, err := slow.Publish(v.ctx, b); err != nil {
			return err
		}
	}
	return slow.Close()
}

// keys publishes with keys and subscribes afterwards.
func (v *victim) keys() error {
	const keys = 6
	pub, err := topic.NewPublisher(context.Background(), v.p, "keyed", &topic.PublisherOptions[[]byte]{
		Key: func(b []byte) string { return string(b[:1]) }, Depth: 4,
	})
	if err != nil {
		return err
	}
	for i := range 5 * keys {
		if _, err := pub.Publish(v.ctx, []byte{byte(i % keys), byte(i)}); err != nil {
			return err
		}
	}
	pub.Dispose("\x00")
	sub, err := topic.NewSubscriber[[]byte](context.Background(), v.p, "keyed", nil)
	if err != nil {
		return err
	}
	for k := 1; k < keys; k++ {
		s, err := sub.Receive(v.ctx)
		if err != nil {
			return err
		}
		if b := s.Bytes(); b[0] != byte(k) || b[1] != byte(4*keys+k) || s.Lost() != 0 {
			return fmt.Errorf("key %d has %v", k, b)
		}
		s.Release()
	}
	return errors.Join(sub.Close(), pub.Close())
}

// exceedReaders has more subscribe than there are places for.
func (v *victim) exceedReaders() error {
	pub, err := topic.NewPublisher[[]byte](context.Background(), v.p, "limited", nil)
	if err != nil {
		return err
	}
	guests, err := topic.Join(&topic.Options{Unit: "guests"})
	if err != nil {
		return err
	}
	for range shmtransport.MaxReaders {
		sub, err := topic.NewSubscriber[[]byte](context.Background(), guests, "limited", nil)
		if err != nil {
			return err
		}
		v.subs = append(v.subs, sub)
	}
	if _, err := topic.NewSubscriber[[]byte](context.Background(), guests, "limited", nil); !errors.As(err, new(*topic.LimitError)) {
		return fmt.Errorf("one too many got %v", err)
	}
	if n, err := pub.Publish(v.ctx, []byte("all")); n != shmtransport.MaxReaders || err != nil {
		return fmt.Errorf("it reached %d: %v", n, err)
	}
	if err := errors.Join(v.subs[0].Close(), v.subs[1].Close()); err != nil {
		return err
	}
	for pub.Subscribers() > shmtransport.MaxReaders-2 {
		if err := v.pause(); err != nil {
			return err
		}
	}
	return errors.Join(guests.Close(), pub.Close())
}
