package service

import (
	"context"
	"testing"
	"time"

	"github.com/shmbus/shmbus/topic"
)

// The figures say how many clients are connected.
func TestFigures_Clients(t *testing.T) {
	dir := t.TempDir()
	s := newEcho(t, dir, nil)
	sub, err := topic.NewSubscriber(t.Context(), participant(t, dir), topicOf("echo", segmentFigures), &topic.SubscriberOptions[Figures]{Codec: FiguresCodec()})
	if err != nil {
		t.Fatal(err)
	}
	clients := []*Client[int, int]{newClient(t, dir, "echo"), newClient(t, dir, "echo")}
	answers(t, clients[0])
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for want := len(clients); ; {
		m, err := sub.Receive(ctx)
		if err != nil {
			t.Fatal(err)
		}
		f, err := m.Value()
		m.Release()
		if err != nil {
			t.Fatal(err)
		}
		if f.Clients != want {
			continue
		}
		if want == 0 {
			break
		}
		want--
		if err := clients[want].Close(); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.figures.read().Calls; got != 20 {
		t.Errorf("%d calls, want 20", got)
	}
}
