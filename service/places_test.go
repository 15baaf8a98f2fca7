package service

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/topic"
)

// A process that announces servers without an end gets its share of a client's connections, and all processes together get what one client may
// have. A server beyond that gets the place of one that ends.
func TestClient_FloodOfServers(t *testing.T) {
	c := newClient(t, t.TempDir(), "many")
	values := serde.Default[int]().Type()
	number := uint32(0)
	server := func(pid int) (topic.PublisherID, ServerInfo) {
		number++
		id := topic.PublisherID{Participant: 1, Number: number}
		return id, ServerInfo{
			Description: Description{Name: "many", Request: values, Response: values, Serving: true, Concurrency: 1, MaxCalls: 1},
			Server:      registry.Participant{ID: 1, PID: pid, PIDCheck: registry.PIDOfUser},
		}
	}
	connected := func(pid int) { // without the rings
		id, info := server(pid)
		k := newConn(c, id, info)
		k.phase = connFailed
		c.mu.Lock()
		defer c.mu.Unlock()
		c.conns = append(c.conns, k)
	}
	refused := func(pid, limit int, text string) {
		t.Helper()
		c.found(server(pid))
		if n := connections(c); n != limit {
			t.Fatalf("%d connections, want %d", n, limit)
		}
		_, err := c.Call(t.Context(), 1)
		if !errors.Is(err, ErrNoServer) || !strings.Contains(err.Error(), text) {
			t.Errorf("a call: %v", err)
		}
	}
	const first = 1 << 30 // there are no such processes
	for pid := first; connections(c) < maxServers; pid++ {
		for range maxServersOfProcess {
			connected(pid)
		}
		if n := connections(c); n < maxServers {
			refused(pid, n, "of this process")
		}
	}
	refused(first-1, maxServers, "of this name")
	for range 2 * maxServers {
		c.found(server(first - 1))
	}
	waits := func(id topic.PublisherID) bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return slices.ContainsFunc(c.waiting, func(w waitingServer) bool { return w.id == id })
	}
	c.mu.Lock()
	if len(c.waiting) > maxServers {
		t.Errorf("%d servers wait", len(c.waiting))
	}
	following, ending := c.waiting[0].id, c.waiting[1].id
	c.mu.Unlock()
	c.serverEnded(ending)
	if waits(ending) {
		t.Error("a server that has ended waits")
	}
	connection(c).fail(errServerEnded)
	if n := connections(c); n != maxServers {
		t.Errorf("%d connections after the end of one, want %d", n, maxServers)
	}
	if waits(following) {
		t.Error("a server waits though there is a place")
	}
}
