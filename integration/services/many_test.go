//go:build linux

package services

import (
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/shmbus/shmbus/integration/internal/harness"
	"github.com/shmbus/shmbus/service"
	"github.com/shmbus/shmbus/topic"
)

// clientsVariable is the number of clients of TestManyClients; default 2,000.
const clientsVariable = "SHMBUS_CLIENTS"

// usage is what a process has.
type usage struct {
	goroutines, files, descriptors int
	heap                           uint64
}

func measure(t *testing.T, dir string) (u usage) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "d", "*"))
	if err != nil {
		t.Fatal(err)
	}
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return usage{runtime.NumGoroutine(), len(names), len(fds), m.HeapAlloc}
}

// Clients that come, call and go, each with a participant of its own, leave nothing at the server.
func TestManyClients(t *testing.T) {
	clients := 2000
	if text := os.Getenv(clientsVariable); text != "" {
		var err error
		if clients, err = strconv.Atoi(text); err != nil {
			t.Fatalf("%s: %v", clientsVariable, err)
		}
	}
	dir := harness.NewDomain(t)
	ctx := t.Context()
	server, err := service.NewServer(ctx, join(t, dir), unaryName, identify, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	visit := func() {
		t.Helper()
		p, err := topic.Join(&topic.Options{Dir: dir, Domain: "d"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := callOnce(ctx, p); err != nil {
			t.Fatal(err)
		}
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for range 100 {
		visit()
	}
	was := measure(t, dir)
	began := time.Now()
	for range clients {
		visit()
	}
	t.Logf("%d clients in %v", clients, time.Since(began).Round(time.Millisecond))
	for deadline := time.Now().Add(harness.WaitLimit); ; time.Sleep(50 * time.Millisecond) {
		now := measure(t, dir)
		if now.goroutines <= was.goroutines && now.files <= was.files && now.descriptors <= was.descriptors && now.heap < was.heap+4<<20 {
			t.Logf("%+v; before %+v", now, was)
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%+v, before the clients %+v", now, was)
		}
	}
}
