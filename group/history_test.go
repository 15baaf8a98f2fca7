package group

import (
	"testing"

	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/topic"
)

// keeps waits until a member has n samples that are not acknowledged.
func keeps(t *testing.T, m *Member[int], n int) {
	t.Helper()
	eventually(t, "kept", func() bool { m.mu.Lock(); defer m.mu.Unlock(); return len(m.kept) == n })
}

// A member that joins gets what is in the rings, also more than it may keep at once.
func TestJoin_MoreThanMaxPending(t *testing.T) {
	const n = 1500
	for _, most := range []int{4, maxClaims} {
		o := domain(t)
		pub := publisher(t, o, 2048)
		a := member(t, o, workers, &Options[int]{MaxPending: most})
		for i := range n {
			publish(t, pub, i)
		}
		keeps(t, a, most)
		b := member(t, o, workers, &Options[int]{MaxPending: most})
		a.Close()
		for i := range n {
			ack(t, receive(t, b, i, false))
		}
		nothing(t, b)
	}
}

// A codecWithHook calls a function when a member subscribes to the topic.
type codecWithHook struct {
	serde.Codec[int]
	hook func()
}

func (c codecWithHook) Type() serde.Type {
	c.hook()
	return c.Codec.Type()
}

// A publisher that comes after the others have noticed a new member, and before that subscribes to the topic, is of no account.
func TestJoin_PublisherThatComesMeanwhile(t *testing.T) {
	o := domain(t)
	a := member(t, o, workers, nil)
	hook := func() {
		publish(t, publisher(t, o, 16), 1, 2, 3)
		keeps(t, a, 3)
	}
	b := member(t, o, workers, &Options[int]{Codec: codecWithHook{serde.Default[int](), func() {
		if hook != nil {
			hook()
			hook = nil
		}
	}}})
	a.Close()
	for _, v := range []int{1, 2, 3} {
		ack(t, receive(t, b, v, false))
	}
	nothing(t, b)
}

// A member that joins gets what an older one has not taken for want of room, and nothing that is older than the group.
func TestJoin_PublisherOfWhichNothingWasTaken(t *testing.T) {
	o := domain(t)
	old, idle := publisher(t, o, 16), publisher(t, o, 16)
	publish(t, old, -2, -1)
	publish(t, idle, -2, -1)
	a := member(t, o, workers, &Options[int]{MaxPending: 1})
	publish(t, publisher(t, o, 16), 1)
	keeps(t, a, 1)
	publish(t, old, 2)
	b := member(t, o, workers, nil)
	a.Close()
	got := map[int]bool{}
	for range 2 {
		d, err := b.Receive(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		v, _ := d.Value()
		got[v] = true
		if d.Redelivered() {
			t.Errorf("%d is marked", v)
		}
		ack(t, d)
	}
	if !got[1] || !got[2] {
		t.Error(got)
	}
	nothing(t, b)
}

// The first member gets the newest sample of a latched publisher. Members that are gone may have acknowledged it.
func TestJoin_Latched(t *testing.T) {
	o := domain(t)
	pub, err := topic.NewPublisher(t.Context(), participant(t, o), jobs, &topic.PublisherOptions[int]{Latched: true})
	if err != nil {
		t.Fatal(err)
	}
	a := member(t, o, workers, nil)
	publish(t, pub, 1)
	ack(t, receive(t, a, 1, false))
	b := member(t, o, workers, nil)
	nothing(t, b)
	a.Close()
	b.Close()
	c := member(t, o, workers, nil)
	ack(t, receive(t, c, 1, true))
	publish(t, pub, 2)
	ack(t, receive(t, c, 2, false))
}
