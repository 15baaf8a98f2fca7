//go:build linux && !race

package service

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/topic"
)

// truncate makes the file of a hostile client's requests too short for its slots. Header and ring stay.
func truncate(t testing.TB, h *hostileClient) {
	t.Helper()
	id := h.requests.ID()
	path := filepath.Join(h.p.Dir(), fmt.Sprintf("%v.pub.%d", id.Participant, id.Number))
	if err := os.Truncate(path, 34*4096); err != nil {
		t.Fatal(err)
	}
}

// The race detector loads words again in C, where the fault is not caught.

// A client that truncates the file of its request while a handler reads it, or copies it into the response, aborts only that call.
func TestServer_RequestTruncatedInHandler(t *testing.T) {
	for _, where := range []string{"handler", "response"} {
		dir := t.TempDir()
		handling, cut := make(chan bool), make(chan bool)
		s, err := NewServer(t.Context(), participant(t, dir), "echo", func(_ context.Context, c *Call[[]byte, []byte]) ([]byte, error) {
			req := c.Request()
			if len(req) > 1000 {
				handling <- true
				<-cut
				if where == "handler" {
					return []byte{req[len(req)/2]}, nil
				}
			}
			return req, nil
		}, &ServerOptions[[]byte, []byte]{Concurrency: 2})
		if err != nil {
			t.Fatal(err)
		}
		good, err := NewClient[[]byte, []byte](t.Context(), participant(t, dir), "echo", nil)
		if err != nil {
			t.Fatal(err)
		}
		raw := typeOfMessages(serde.Default[[]byte]().Type())
		h := newHostileClient(t, dir, s, raw, raw, topic.SubscriberOptions[[]byte]{})
		h.hello(t, 4)
		h.awaitWelcome(t)
		for i := range 3 {
			send(t, h.requests, encoded(Header{Number: uint64(i+1) << slotBits, Kind: KindCall}, strings.Repeat("x", 1<<20)))
			<-handling
			truncate(t, h)
			cut <- true
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			for range 20 {
				if got, err := good.Call(ctx, []byte("abc")); string(got) != "abc" || err != nil {
					t.Fatalf("%s: %q, %v", where, got, err)
				}
			}
			cancel()
			h.p.Close()
			h = newHostileClient(t, dir, s, raw, raw, topic.SubscriberOptions[[]byte]{})
			h.hello(t, 4)
			h.awaitWelcome(t)
		}
		if s.figures.refused.Load() == 0 {
			t.Errorf("%s: the aborted call is not counted", where)
		}
		if err := errors.Join(good.Close(), s.Close()); err != nil {
			t.Error(err)
		}
	}
}
