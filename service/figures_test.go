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

// The figures say how many requests were taken and are not answered, also of several handlers at once.
func TestFigures_Unanswered(t *testing.T) {
	for _, concurrency := range []int{1, 4} {
		dir := t.TempDir()
		began, release := make(chan bool, 3), make(chan bool)
		s, err := NewServer(t.Context(), participant(t, dir), "wait", func(context.Context, *Call[int, int]) (int, error) {
			began <- true
			<-release
			return 0, nil
		}, &ServerOptions[int, int]{Concurrency: concurrency})
		if err != nil {
			t.Fatal(err)
		}
		c := newClient(t, dir, "wait")
		for range 3 {
			if err := c.Send(t.Context(), 0); err != nil {
				t.Fatal(err)
			}
		}
		running := min(3, concurrency)
		for range running {
			<-began
		}
		if f := s.figures.read(); f.Unanswered != uint64(running) || f.Calls != 0 {
			t.Errorf("%d at once: %d are not answered, %d are", concurrency, f.Unanswered, f.Calls)
		}
		close(release)
		await(t, "all are answered", func() bool { return s.figures.read().Calls == 3 })
		if f := s.figures.read(); f.Unanswered != 0 {
			t.Errorf("%d at once: %d are not answered at the end", concurrency, f.Unanswered)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTookIndex(t *testing.T) {
	for took, want := range map[time.Duration]int{-1: 0, 999: 0, time.Microsecond: 1, 3 * time.Microsecond: 2, 4 * time.Microsecond: 3, 100 * time.Hour: 31} {
		if got := TookIndex(took); got != want {
			t.Errorf("%v: %d, want %d", took, got, want)
		}
	}
}
