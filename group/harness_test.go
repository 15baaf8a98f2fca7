package group

import (
	"context"
	"testing"
	"time"

	"github.com/shmbus/shmbus/topic"
)

const (
	jobs    = "robot/jobs"
	workers = "workers"
)

func domain(t testing.TB) *topic.Options { return &topic.Options{Dir: t.TempDir(), Domain: "d"} }

func participant(t testing.TB, o *topic.Options) *topic.Participant {
	t.Helper()
	p, err := topic.Join(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func member(t testing.TB, o *topic.Options, group string, opts *Options[int]) *Member[int] {
	t.Helper()
	m, err := Join(t.Context(), participant(t, o), jobs, group, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

func publisher(t testing.TB, o *topic.Options, depth int) *topic.Publisher[int] {
	t.Helper()
	pub, err := topic.NewPublisher(t.Context(), participant(t, o), jobs, &topic.PublisherOptions[int]{Depth: depth})
	if err != nil {
		t.Fatal(err)
	}
	return pub
}

func publish(t testing.TB, pub *topic.Publisher[int], values ...int) {
	t.Helper()
	for _, v := range values {
		if _, err := pub.Publish(t.Context(), v); err != nil {
			t.Fatal(err)
		}
	}
}

// receive wants the next delivery to be of a value, and redelivered or not.
func receive(t testing.TB, m *Member[int], want int, redelivered bool) Delivery[int] {
	t.Helper()
	d, err := m.Receive(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if v, err := d.Value(); v != want || err != nil || d.Redelivered() != redelivered {
		t.Fatalf("received %d, redelivered %v, %v; want %d, %v", v, d.Redelivered(), err, want, redelivered)
	}
	return d
}

func ack(t testing.TB, d Delivery[int]) {
	t.Helper()
	if err := d.Ack(); err != nil {
		t.Fatal(err)
	}
}

// nothing wants that a member gets nothing for a while in which it would look several times.
func nothing(t testing.TB, m *Member[int]) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*pollInterval)
	defer cancel()
	if d, err := m.Receive(ctx); err == nil {
		v, _ := d.Value()
		t.Fatalf("received %d", v)
	}
}

// eventually waits until something is true.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for ; !is(); time.Sleep(time.Millisecond) {
		if t.Context().Err() != nil {
			t.Fatal("never ", what)
		}
	}
}
