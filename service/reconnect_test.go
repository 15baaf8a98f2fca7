package service

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/topic"
)

// A client whose connection failed does not connect again to a server that has ended meanwhile.
func TestClient_LeavesAServerThatEndedBeforeTheRetry(t *testing.T) {
	dir := t.TempDir()
	c := newClient(t, dir, "mute")
	forbid := "publish $service/mute/response/** user:54321\n" // so that the connection fails at once
	if err := os.WriteFile(filepath.Join(c.p.Dir(), registry.PolicyName), []byte(forbid), 0o644); err != nil {
		t.Fatal(err)
	}
	values := serde.Default[int]().Type()
	server := announce(t, participant(t, dir), "mute", Description{Name: "mute", Request: values, Response: values, Serving: true, Concurrency: 1, MaxCalls: 1})
	await(t, "the failure", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.refusal != nil && len(c.conns) == 0
	})
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	await(t, "the end of the server", func() bool { return len(c.servers.MatchedPublishers()) == 0 })
	if err := c.servers.Close(); err != nil { // ends the goroutine that discovers: those that connect are left
		t.Fatal(err)
	}
	ended := make(chan bool)
	go func() {
		c.loops.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		t.Fatal("it goes on connecting")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refusal != nil {
		t.Errorf("calls are told of the server that has ended: %v", c.refusal)
	}
}

// A client keeps nothing of a server that ends while the client makes its rings.
func TestClient_ServerEndsWhileTheRingsAreMade(t *testing.T) {
	dir := t.TempDir()
	p := participant(t, dir)
	c, err := NewClient[int, int](t.Context(), p, "brief", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	values := serde.Default[int]().Type()
	before := publisherFiles(t, p)
	k := newConn(c, topic.PublisherID{Participant: p.ID(), Number: 1000}, ServerInfo{
		Description: Description{Name: "brief", Request: values, Response: values, Serving: true, Concurrency: 1, MaxCalls: 1},
		Server:      registry.Participant{ID: p.ID()},
	})
	k.fail(errServerEnded) // as it is when the server's end is seen before the rings are there
	if err := k.makeRings(t.Context()); !errors.Is(err, errServerEnded) {
		t.Errorf("the connection: %v", err)
	}
	if n := publisherFiles(t, p) - before; n != 0 {
		t.Errorf("%d publishers are left", n)
	}
}
