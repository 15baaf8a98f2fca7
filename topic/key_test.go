package topic

import (
	"errors"
	"fmt"
	"os"
	"structs"
	"testing"

	"github.com/shmbus/shmbus/serde"
)

type reading struct {
	Sensor string
	Value  int
}

func sensorOf(r reading) string { return r.Sensor }

// received takes what there is, by key, and releases it.
func received[T any](t *testing.T, sub *Subscriber[T], key func(T) string) (order []string, newest map[string]T) {
	t.Helper()
	newest = map[string]T{}
	for {
		s, ok, err := sub.TryReceive()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return order, newest
		}
		v, err := s.Value()
		if err != nil || s.Lost() != 0 || !s.Latched() {
			t.Fatalf("%v after %d lost, %v", v, s.Lost(), err)
		}
		order, newest[key(v)] = append(order, key(v)), v
		s.Release()
	}
}

func TestKey_LateSubscriptions(t *testing.T) {
	o := domain(t)
	p := join(t, o)
	pub := publisher(t, p, "readings", &PublisherOptions[reading]{Key: sensorOf, Depth: 4})
	early := subscriber(t, p, "readings", &SubscriberOptions[reading]{Lossless: true})
	readOnly, err := Join(&Options{Dir: o.Dir, Domain: o.Domain, ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer readOnly.Close()
	for i := range 300 {
		sensor := "busy"
		if i < 6 {
			sensor = fmt.Sprint("sensor", i%3)
		}
		send(t, pub, reading{sensor, i})
		want(t, early, reading{sensor, i})
	}
	if !pub.Dispose("sensor1") || pub.Dispose("sensor1") {
		t.Error("sensor1 was not the key that there was")
	}
	for name, late := range map[string]*Participant{"member": p, "another": join(t, o), "read-only": readOnly} {
		sub := subscriber[reading](t, late, "readings", nil)
		order, newest := received(t, sub, sensorOf)
		if fmt.Sprint(order) != "[sensor0 sensor2 busy]" || newest["sensor0"].Value != 3 || newest["sensor2"].Value != 5 || newest["busy"].Value != 299 {
			t.Errorf("%s: %v, %v", name, order, newest)
		}
	}
	if f := early.Stats(); f.Messages != 300 || f.Lost != 0 {
		t.Errorf("the early one received %d and lost %d", f.Messages, f.Lost)
	}
}

type plainReading struct {
	_      structs.HostLayout
	Sensor [8]byte
	Value  uint64
}

// Every way to publish has the key of what it publishes.
func TestKey_EveryWayToPublish(t *testing.T) {
	key := func(b []byte) string { return string(b[:1]) }
	for name, publish := range map[string]func(*Publisher[[]byte], []byte) error{
		"Publish": func(pub *Publisher[[]byte], b []byte) error {
			_, err := pub.Publish(t.Context(), b)
			return err
		},
		"PublishV": func(pub *Publisher[[]byte], b []byte) error {
			_, err := pub.PublishV(t.Context(), b[:1], nil, b[1:])
			return err
		},
		"PublishBatch": func(pub *Publisher[[]byte], b []byte) error {
			_, err := pub.PublishBatch(t.Context(), [][]byte{b, b})
			return err
		},
		"Loan": func(pub *Publisher[[]byte], b []byte) error {
			loan, err := pub.Loan(t.Context(), len(b)+10)
			if err != nil {
				return err
			}
			copy(loan.Bytes(), b)
			_, err = loan.Commit(t.Context(), len(b))
			return err
		},
	} {
		for _, size := range []int{1, 50, 5000, 100_000} {
			p := join(t, domain(t))
			pub := publisher(t, p, "x", &PublisherOptions[[]byte]{Key: key, Depth: 2})
			for _, k := range "abcdb" {
				if err := publish(pub, append([]byte{byte(k)}, make([]byte, size-1)...)); err != nil {
					t.Fatal(name, err)
				}
			}
			order, newest := received(t, subscriber[[]byte](t, p, "x", nil), key)
			if fmt.Sprint(order) != "[a c d b]" || len(newest["a"]) != size {
				t.Errorf("%s of %d bytes: %v", name, size, order)
			}
		}
	}
}

func TestKey_LoansAndPartsOfValues(t *testing.T) {
	p := join(t, domain(t))
	codec := plainCodec[plainReading](t)
	key := func(r plainReading) string { return string(r.Sensor[:]) }
	pub := publisher(t, p, "plain", &PublisherOptions[plainReading]{Codec: codec, Key: key, Depth: 1})
	for _, sensor := range []string{"front123", "rear1234", "front123"} {
		r := plainReading{Value: pub.Stats().Messages}
		copy(r.Sensor[:], sensor)
		payload, err := codec.Encoder().Append(nil, r)
		if err != nil {
			t.Fatal(err)
		}
		loan, err := pub.Loan(t.Context(), len(payload))
		if err != nil {
			t.Fatal(err)
		}
		copy(loan.Bytes(), payload)
		if _, err := loan.Commit(t.Context(), len(payload)); err != nil {
			t.Fatal(err)
		}
		if _, err := loan.Commit(t.Context(), len(payload)); !errors.Is(err, ErrLoanEnded) {
			t.Error(err)
		}
		send(t, pub, r)
	}
	order, _ := received(t, subscriber(t, p, "plain", &SubscriberOptions[plainReading]{Codec: codec}), key)
	if fmt.Sprint(order) != "[rear1234 front123]" {
		t.Error(order)
	}
}

// A payload that is no value of the topic's type has no key.
func TestKey_UndecodablePayload(t *testing.T) {
	pub := publisher(t, join(t, domain(t)), "x", &PublisherOptions[reading]{Key: sensorOf})
	if _, err := pub.PublishV(t.Context(), []byte{0xc1}); !errors.As(err, new(*serde.DecodeError)) {
		t.Error(err)
	}
	loan, err := pub.Loan(t.Context(), 10)
	if err != nil {
		t.Fatal(err)
	}
	loan.Bytes()[0] = 0xc1
	if _, err := loan.Commit(t.Context(), 1); !errors.As(err, new(*serde.DecodeError)) {
		t.Error(err)
	}
	if _, err := loan.Commit(t.Context(), 1); !errors.Is(err, ErrLoanEnded) {
		t.Error(err)
	}
	if _, err := (Loan{key: loan.key}).Commit(t.Context(), 0); !errors.Is(err, ErrLoanEnded) {
		t.Error(err)
	}
	large, err := pub.Loan(t.Context(), 10)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := large.Commit(t.Context(), 1<<20); !errors.As(err, new(*TooLargeError)) {
		t.Error(err)
	}
	if f := pub.Stats(); f.Messages != 0 || f.Loans != 0 {
		t.Errorf("%d published, %d loans", f.Messages, f.Loans)
	}
}

// A key function that panics leaves no loan behind.
func TestKey_FunctionPanics(t *testing.T) {
	pub := publisher(t, join(t, domain(t)), "x", &PublisherOptions[string]{Key: func(string) string { panic("no key") }})
	loan, err := pub.Loan(t.Context(), 10)
	if err != nil {
		t.Fatal(err)
	}
	for _, publish := range []func(){
		func() { _, _ = pub.Publish(t.Context(), "x") },
		func() { _, _ = pub.PublishV(t.Context(), []byte("x")) },
		func() { _, _ = loan.Commit(t.Context(), 1) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic was swallowed")
				}
			}()
			publish()
		}()
	}
	if f := pub.Stats(); f.Loans != 0 {
		t.Errorf("%d loans", f.Loans)
	}
}

func TestKey_Limits(t *testing.T) {
	p := join(t, domain(t))
	pub := publisher(t, p, "x", &PublisherOptions[reading]{Key: sensorOf, MaxKeys: 2})
	send(t, pub, reading{"a", 1})
	send(t, pub, reading{"b", 1})
	var limit *LimitError
	if _, err := pub.Publish(t.Context(), reading{"c", 1}); !errors.As(err, &limit) || limit.Limit != 2 {
		t.Fatal(err)
	}
	pub.Dispose("a")
	send(t, pub, reading{"c", 1})
	for _, n := range []int{-1, 65537} {
		if _, err := NewPublisher(t.Context(), p, "x", &PublisherOptions[reading]{Key: sensorOf, MaxKeys: n}); err == nil {
			t.Errorf("MaxKeys %d is valid", n)
		}
	}
	if err := pub.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := pub.Publish(t.Context(), reading{"c", 2}); !errors.Is(err, os.ErrClosed) || pub.Dispose("c") {
		t.Error(err)
	}
	if pub := publisher[reading](t, p, "y", nil); pub.Dispose("a") {
		t.Error("a publisher without keys had one")
	}
}

func TestKey_NoAllocation(t *testing.T) {
	p := join(t, domain(t))
	values := publisher(t, p, "values", &PublisherOptions[reading]{Key: sensorOf})
	texts := publisher(t, p, "texts", &PublisherOptions[string]{Key: func(s string) string { return s[:3] }})
	plain := publisher(t, p, "plain", &PublisherOptions[plain64]{Codec: plainCodec[plain64](t), Key: func(plain64) string { return "one" }})
	n := testing.AllocsPerRun(100, func() {
		send(t, values, reading{"a", 1})
		send(t, values, reading{"b", 2})
		send(t, texts, "one 1")
		send(t, texts, "two 2")
		send(t, plain, plain64{})
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkKey compares a publisher with keys to one without.
func BenchmarkKey(b *testing.B) {
	for _, keys := range []int{0, 1, 16, 1000} {
		b.Run(fmt.Sprint(keys), func(b *testing.B) {
			p := join(b, domain(b))
			names := make([]string, max(keys, 1))
			for i := range names {
				names[i] = fmt.Sprint("key", i)
			}
			opts := &PublisherOptions[[]byte]{}
			i := 0
			if keys > 0 {
				opts.Key = func([]byte) string {
					i++
					return names[i%keys]
				}
			}
			pub := publisher(b, p, "x", opts)
			payload := make([]byte, 200)
			for b.Loop() {
				send(b, pub, payload)
			}
		})
	}
}
