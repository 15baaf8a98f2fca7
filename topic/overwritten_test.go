package topic

import (
	"testing"

	"github.com/shmbus/shmbus/serde"
)

func TestSubscriber_Overwritten(t *testing.T) {
	o := domain(t)
	sub := subscriber[[]byte](t, join(t, o), "a/**", nil)
	p := join(t, o)
	pub := publisher(t, p, "a/fast", &PublisherOptions[string]{Depth: 4})
	slow := publisher(t, p, "a/slow", &PublisherOptions[string]{Depth: 4})
	for range 10 {
		send(t, pub, "x")
	}
	send(t, slow, "x")
	got := sub.Overwritten()
	if len(got) != 1 || got[0].Publisher != pub.ID() || got[0].Topic != "a/fast" || got[0].Type.Encoding != serde.String().Type().Encoding || got[0].Samples != 6 {
		t.Errorf("%+v", got)
	}
	for range 5 {
		s, ok, err := sub.TryReceive()
		if !ok || err != nil {
			t.Fatal(ok, err)
		}
		s.Release()
	}
	if got := sub.Overwritten(); len(got) != 0 || sub.Stats().Lost != 6 {
		t.Errorf("%+v, %d lost", got, sub.Stats().Lost)
	}
}
