package topic

import (
	"context"
	"errors"
	"os"
	"structs"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/serde/plain"
)

// A plain64 is a struct of 64 bytes.
type plain64 struct {
	_        structs.HostLayout
	Sequence uint64
	Values   [7]float64
}

type wide64 struct {
	_        structs.HostLayout
	Sequence uint64
	Values   [14]float32
}

type megabyte [1 << 20]uint8

func plainCodec[T any](t testing.TB) *plain.Codec[T] {
	t.Helper()
	c, err := plain.New[T]()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Samples of every kind are aligned for a view: copies of small ones, large ones in place, and those that a loop has.
func TestPlain_ViewsOfSamples(t *testing.T) {
	o := domain(t)
	small, large := plainCodec[plain64](t), plainCodec[[100]plain64](t)
	p := join(t, o)
	pub := publisher(t, p, "small", &PublisherOptions[plain64]{Codec: small})
	sub := subscriber(t, join(t, o), "small", &SubscriberOptions[plain64]{Codec: small})
	largePub := publisher(t, p, "large", &PublisherOptions[*[100]plain64]{Codec: large.ByPointer()})
	largeSub := subscriber(t, join(t, o), "large", &SubscriberOptions[[100]plain64]{Codec: large})
	v := plain64{Sequence: 1, Values: [7]float64{6: 2}}
	for range 3 {
		send(t, pub, v)
		send(t, largePub, &[100]plain64{99: v})
	}
	for _, inLoop := range []bool{false, true} {
		checkSmall := func(s Sample[plain64]) {
			if got, err := small.View(s.Bytes()); err != nil || *got != v {
				t.Errorf("%+v, %v", got, err)
			}
			if got, err := s.Value(); err != nil || got != v {
				t.Errorf("%+v, %v", got, err)
			}
		}
		checkLarge := func(s Sample[[100]plain64]) {
			if got, err := large.View(s.Bytes()); err != nil || got[99] != v {
				t.Errorf("%v", err)
			}
		}
		if inLoop {
			for s := range sub.Samples(t.Context()) {
				checkSmall(s)
				break
			}
			for s := range largeSub.Samples(t.Context()) {
				checkLarge(s)
				break
			}
			continue
		}
		s, err := sub.Receive(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		checkSmall(s)
		s.Release()
		l, err := largeSub.Receive(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		checkLarge(l)
		l.Release()
	}
}

// Types of equal size and other layout do not match, even under one name.
func TestPlain_OtherLayoutDoesNotMatch(t *testing.T) {
	p := join(t, domain(t))
	publisher(t, p, "x", &PublisherOptions[plain64]{Codec: plainCodec[plain64](t)})
	other := plainCodec[wide64](t).Type()
	other.Name = plainCodec[plain64](t).Type().Name
	_, err := NewSubscriber(t.Context(), p, "x", &SubscriberOptions[[]byte]{Codec: serde.Opaque(other)})
	var mismatch *TypeMismatchError
	if !errors.As(err, &mismatch) || mismatch.Publisher.SchemaHash == mismatch.Subscription.SchemaHash {
		t.Errorf("connected, or: %v", err)
	}
}

// BenchmarkPlain compares plain values with raw bytes of the same size, one way: published by one goroutine, and polled for, received, read
// and released by another, which then tells the first one to go on.
func BenchmarkPlain(b *testing.B) {
	b.Run("raw/64", func(b *testing.B) {
		payload := make([]byte, 64)
		benchmarkOneWay(b, nil, func(pub *Publisher[[]byte]) error {
			_, err := pub.Publish(b.Context(), payload)
			return err
		}, func(s Sample[[]byte]) (byte, error) { return s.Bytes()[8], nil })
	})
	b.Run("plain/64", func(b *testing.B) {
		c, v := plainCodec[plain64](b), plain64{}
		benchmarkOneWay(b, serde.Codec[plain64](c), func(pub *Publisher[plain64]) error {
			_, err := pub.Publish(b.Context(), v)
			return err
		}, func(s Sample[plain64]) (byte, error) {
			v, err := c.View(s.Bytes())
			if err != nil {
				return 0, err
			}
			return byte(v.Sequence), nil
		})
	})
	b.Run("raw/1MiB", func(b *testing.B) {
		payload := make([]byte, 1<<20)
		benchmarkOneWay(b, nil, func(pub *Publisher[[]byte]) error {
			_, err := pub.Publish(b.Context(), payload)
			return err
		}, func(s Sample[[]byte]) (byte, error) { return s.Bytes()[8], nil })
	})
	b.Run("plain/1MiB", func(b *testing.B) {
		c, v := plainCodec[megabyte](b), new(megabyte)
		benchmarkOneWay(b, c.ByPointer(), func(pub *Publisher[*megabyte]) error {
			_, err := pub.Publish(b.Context(), v)
			return err
		}, func(s Sample[*megabyte]) (byte, error) {
			v, err := c.View(s.Bytes())
			if err != nil {
				return 0, err
			}
			return v[8], nil
		})
	})
	b.Run("inplace/1MiB", func(b *testing.B) {
		c, n := plainCodec[megabyte](b), byte(0)
		benchmarkOneWay(b, c.ByPointer(), func(pub *Publisher[*megabyte]) error {
			loan, err := pub.Loan(b.Context(), c.Size())
			if err != nil {
				return err
			}
			v, err := c.Overwrite(loan.Bytes())
			if err != nil {
				return err
			}
			n++
			v[8] = n
			_, err = loan.Commit(b.Context(), c.Size())
			return err
		}, func(s Sample[*megabyte]) (byte, error) {
			v, err := c.View(s.Bytes())
			if err != nil {
				return 0, err
			}
			return v[8], nil
		})
	})
}

func benchmarkOneWay[T any](b *testing.B, codec serde.Codec[T], publish func(*Publisher[T]) error, read func(Sample[T]) (byte, error)) {
	o := domain(b)
	pub, err := NewPublisher(context.Background(), join(b, o), "x", &PublisherOptions[T]{Codec: codec})
	if err != nil {
		b.Fatal(err)
	}
	sub, err := NewSubscriber(context.Background(), join(b, o), "x", &SubscriberOptions[T]{Codec: codec})
	if err != nil {
		b.Fatal(err)
	}
	var received atomic.Int64
	var receiver sync.WaitGroup
	ended := make(chan struct{})
	receiver.Go(func() {
		for {
			s, ok, err := sub.TryReceive()
			if ok {
				if _, err = read(s); err == nil {
					s.Release()
					received.Add(1)
					continue
				}
			}
			select {
			case <-ended:
				return
			default:
			}
			if err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportAllocs()
	for n := int64(1); b.Loop(); n++ {
		if err := publish(pub); err != nil {
			b.Fatal(err)
		}
		for received.Load() < n && !b.Failed() {
		}
	}
	close(ended)
	receiver.Wait()
}

// Values of up to a ring entry are published without an allocation: by their memory, or by an encoder where there is padding.
func TestPlain_PublishAllocations(t *testing.T) {
	p := join(t, domain(t))
	direct := publisher(t, p, "direct", &PublisherOptions[plain64]{Codec: plainCodec[plain64](t)})
	encoded := publisher(t, p, "encoded", &PublisherOptions[padded]{Codec: plainCodec[padded](t)})
	if !direct.isPayload || encoded.isPayload {
		t.Errorf("published without an encoder: %v, with padding: %v", direct.isPayload, encoded.isPayload)
	}
	n := testing.AllocsPerRun(100, func() {
		send(t, direct, plain64{Sequence: 1})
		send(t, encoded, padded{A: 1})
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// A padded has padding.
type padded struct {
	_ structs.HostLayout
	A uint64
	B uint32
	_ [4]byte
}

// A publisher without an encoder has the same errors.
func TestPlain_ErrorsWithoutEncoder(t *testing.T) {
	pub := publisher(t, join(t, domain(t)), "x", &PublisherOptions[[64]plain64]{Codec: plainCodec[[64]plain64](t), MaxPayload: 4095})
	if _, err := pub.Publish(t.Context(), [64]plain64{}); !errors.As(err, new(*TooLargeError)) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := pub.Publish(ctx, [64]plain64{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	pub.Close()
	if _, err := pub.Publish(t.Context(), [64]plain64{}); !errors.Is(err, os.ErrClosed) {
		t.Error(err)
	}
}
