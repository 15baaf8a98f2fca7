//go:build linux

package services

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/shmbus/shmbus/integration/internal/harness"
	"github.com/shmbus/shmbus/service"
)

// A member is a server of the group "busy" in this process, which counts what it runs.
type member struct {
	mu   sync.Mutex
	runs []int
}

func serveMember(t *testing.T, dir string) *member {
	t.Helper()
	m := new(member)
	server, err := service.NewServer(t.Context(), join(t, dir), "busy", func(_ context.Context, call *service.Call[int, int]) (int, error) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.runs = append(m.runs, call.Request())
		return 0, nil
	}, &service.ServerOptions[int, int]{Group: true, Concurrency: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

func (m *member) count() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.runs)
}

// newCaller makes a client of the group "busy".
func newCaller(t *testing.T, dir string) *service.Client[int, int] {
	t.Helper()
	client, err := service.NewClient[int, int](limited(t), join(t, dir), "busy", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
	return client
}

// awaitMembers waits until a client is connected to so many servers.
func awaitMembers(t *testing.T, client *service.Client[int, int], n int) {
	t.Helper()
	for ctx := limited(t); len(client.Servers()) != n; time.Sleep(time.Millisecond) {
		if ctx.Err() != nil {
			t.Fatalf("%d servers, want %d", len(client.Servers()), n)
		}
	}
}

// What a member of a group has not taken when it is killed runs at another one, once and in order. Of the two that it had taken nothing
// is sent again.
func TestSend_AMemberIsKilled(t *testing.T) {
	const sends, taken = 20, busyHandlers
	dir := harness.NewDomain(t)
	killed := harness.Start(t, dir, busyServer{Group: true}).Ready()
	client := newCaller(t, dir)
	ctx := limited(t)
	for n := range sends {
		if err := client.Send(ctx, n); err != nil {
			t.Fatal(err)
		}
	}
	awaitHandlers(killed)
	other := serveMember(t, dir)
	awaitMembers(t, client, 2)
	killed.Kill()
	for other.count() < sends-taken && ctx.Err() == nil {
		time.Sleep(time.Millisecond)
	}
	if _, err := client.Call(ctx, sends); err != nil { // behind all that was moved
		t.Fatal(err)
	}
	want := make([]int, 0, sends)
	for n := taken; n <= sends; n++ {
		want = append(want, n)
	}
	other.mu.Lock()
	defer other.mu.Unlock()
	if !slices.Equal(other.runs, want) {
		t.Errorf("ran %d, want %d", other.runs, want)
	}
}

// A member that is stopped gets no more requests than it has not taken, and Send does not fail beside another one. When the stopped one is
// killed, the other has run all.
func TestSend_AMemberIsStopped(t *testing.T) {
	const sends = 200
	dir := harness.NewDomain(t)
	stopped := harness.Start(t, dir, busyServer{Group: true}).Ready()
	client := newCaller(t, dir)
	other := serveMember(t, dir)
	awaitMembers(t, client, 2)
	stopped.Suspend()
	stopped.WaitSuspended()
	ctx := limited(t)
	for n := range sends {
		if err := client.Send(ctx, n); err != nil {
			t.Fatalf("request %d: %v", n, err)
		}
		for ; other.count() < n && ctx.Err() == nil; time.Sleep(100 * time.Microsecond) {
		}
	}
	if n := other.count(); n < sends-1 {
		t.Errorf("the member that runs has run %d of %d", n, sends)
	}
	stopped.Kill()
	for other.count() < sends && ctx.Err() == nil {
		time.Sleep(time.Millisecond)
	}
	if n := other.count(); n != sends {
		t.Errorf("ran %d of %d", n, sends)
	}
}
