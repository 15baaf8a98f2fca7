package service

import (
	"context"
	"slices"
	"testing"

	"github.com/shmbus/shmbus/topic"
)

// A server that closes takes none of the requests that wait, however many a client sends.
func TestClose_LeavesWhatWaits(t *testing.T) {
	const waiting = 900
	dir := t.TempDir()
	began, release := make(chan bool), make(chan bool)
	s, err := NewServer(t.Context(), participant(t, dir), "echo", func(ctx context.Context, c *Call[int, int]) (int, error) {
		began <- true
		<-release
		return c.Request(), nil
	}, &ServerOptions[int, int]{Concurrency: 1})
	if err != nil {
		t.Fatal(err)
	}
	h := newHostileClient(t, dir, s, intMessages(), intMessages(), topic.SubscriberOptions[[]byte]{})
	h.hello(t, 1)
	h.awaitWelcome(t)
	for i := range waiting + 1 {
		send(t, h.requests, encoded(Header{Number: uint64(i+1) << slotBits, Kind: KindCall}, "1"))
	}
	<-began
	closed := make(chan error)
	go func() { closed <- s.Close() }()
	await(t, "the beginning of Close", s.closing.Load)
	close(release)
	if err := <-closed; err != nil {
		t.Error(err)
	}
	var kinds []Kind
	for {
		m, ok, err := h.responses.TryReceive()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			break
		}
		got, _, err := ParseHeader(m.Bytes())
		if err != nil {
			t.Error(err)
		}
		kinds = append(kinds, got.Kind)
		m.Release()
	}
	if want := []Kind{KindResponse, KindClosed}; !slices.Equal(kinds, want) {
		t.Errorf("the server sent %v, want %v", kinds, want)
	}
}
