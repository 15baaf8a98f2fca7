package service

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

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

// publisherFiles returns the number of files of a participant's publishers.
func publisherFiles(t testing.TB, p *topic.Participant) int {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(p.Dir(), fmt.Sprintf("%s.pub.*", p.ID())))
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
}

// connections returns the number of servers that a client is connected to, or was and has not forgotten.
func connections[Req, Resp any](c *Client[Req, Resp]) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.conns)
}

// connection returns the first connection of a client.
func connection[Req, Resp any](c *Client[Req, Resp]) *conn[Req, Resp] {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.conns[0]
}

// A client that waits for no response keeps nothing of a server that has closed.
func TestServer_CloseFreesIdleClients(t *testing.T) {
	dir := t.TempDir()
	p := participant(t, dir)
	c, err := NewClient[int, int](t.Context(), p, "echo", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	before := publisherFiles(t, p)
	for range 5 {
		s := newEcho(t, dir, nil)
		await(t, "the server", func() bool { return len(c.Servers()) == 1 })
		answers(t, c)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		await(t, "the end of the connection", func() bool { return connections(c) == 0 && publisherFiles(t, p) == before })
	}
}

// Of a server whose participant closes first, no request runs that was said not to have started, and in a group none runs twice.
func TestServer_ParticipantClosesFirst(t *testing.T) {
	for _, group := range []bool{false, true} {
		for range 5 {
			dir := t.TempDir()
			var mu sync.Mutex
			ran, notStarted := map[int]int{}, map[int]bool{}
			opts := &ServerOptions[int, int]{Concurrency: 1, Group: group}
			serve := func() (*topic.Participant, *Server[int, int]) {
				p := participant(t, dir)
				s, err := NewServer(t.Context(), p, "echo", func(_ context.Context, c *Call[int, int]) (int, error) {
					time.Sleep(200 * time.Microsecond) // so that requests wait
					mu.Lock()
					defer mu.Unlock()
					ran[c.Request()]++
					return 0, nil
				}, opts)
				if err != nil {
					t.Fatal(err)
				}
				return p, s
			}
			first, closing := serve()
			servers := []*Server[int, int]{closing}
			c := newClient(t, dir, "echo")
			if group {
				_, other := serve()
				servers = append(servers, other)
				await(t, "the servers", func() bool { return len(c.Servers()) == len(servers) })
			}
			ctx, cancel := context.WithCancel(t.Context())
			var next atomic.Int32
			var callers sync.WaitGroup
			for range 12 {
				callers.Go(func() {
					for ctx.Err() == nil {
						i := int(next.Add(1))
						_, err := c.Call(t.Context(), i)
						if errors.Is(err, ErrNotStarted) {
							mu.Lock()
							notStarted[i] = true
							mu.Unlock()
						}
						if err != nil && !group {
							return
						}
					}
				})
			}
			await(t, "requests", func() bool { return next.Load() > 100 })
			if err := first.Close(); err != nil {
				t.Error(err)
			}
			cancel()
			callers.Wait()
			for _, s := range servers { // waits for handlers
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}
			for i, n := range ran {
				if n > 1 || notStarted[i] {
					t.Errorf("request %d ran %d times; it was said not to have started: %v", i, n, notStarted[i])
				}
			}
		}
	}
}

// A request that waits at a server whose responses have ended may still be taken, as long as the server's participant is there.
func TestCall_OnlyTheResponsesEnd(t *testing.T) {
	s, c := newHostileServer(t, t.TempDir(), false)
	result := make(chan error)
	go func() {
		_, err := c.Call(t.Context(), 1)
		result <- err
	}()
	k := connection(c)
	await(t, "the call", func() bool { return k.open.Load() == 1 })
	if err := s.responses.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-result; !errors.Is(err, ErrOutcomeUnknown) {
		t.Errorf("the call: %v", err)
	}
	if h := s.take(t); h.Kind != KindCall {
		t.Errorf("took a request of kind %v", h.Kind)
	}
}
