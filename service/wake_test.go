package service_test

import (
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"github.com/shmbus/shmbus/service"
)

// bellsAt is where the bells begin in a wake file (docs/format.md). Each is incremented before the process that sleeps on it is woken.
const bellsAt = 64

// rung returns the bells in a participant's wake file that differ from those before, with their increments, and the bells now.
func rung(t *testing.T, path string, before []byte) (increments map[int]uint32, now []byte) {
	t.Helper()
	now, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	increments = map[int]uint32{}
	for i := bellsAt; i < len(now) && before != nil; i += 4 {
		if n := binary.NativeEndian.Uint32(now[i:]) - binary.NativeEndian.Uint32(before[i:]); n != 0 {
			increments[i] = n
		}
	}
	return increments, now
}

// Of two clients that sleep, a response wakes the one that called: one bell of the server rings, at most once for each call.
func TestCall_WakesTheCallerAlone(t *testing.T) {
	const calls = 200
	dir := t.TempDir()
	p := join(t, dir)
	began, release := make(chan bool, 1), make(chan bool)
	server, err := service.NewServer(t.Context(), p, "wake", func(_ context.Context, call *service.Call[int, int]) (int, error) {
		if call.Request() < 0 {
			began <- true
			<-release
		}
		return call.Request(), nil
	}, &service.ServerOptions[int, int]{Concurrency: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	asleep := &service.ClientOptions[int, int]{Spin: -1}
	caller, waiting := connect[int, int](t, dir, "wake", asleep), connect[int, int](t, dir, "wake", asleep)
	path := filepath.Join(p.Dir(), p.ID().String()+".wake")
	ctx := limited(t)
	result := make(chan error)
	wait := func() {
		_, err := waiting.Call(ctx, -1)
		result <- err
	}
	go wait()
	<-began
	_, before := rung(t, path, nil)
	for i := range calls {
		if _, err := caller.Call(ctx, i); err != nil {
			t.Fatal(err)
		}
	}
	increments, before := rung(t, path, before)
	var its int
	for its = range increments {
	}
	if len(increments) != 1 || increments[its] > calls {
		t.Fatalf("%d calls rang bells so many times: %v; want one bell, at most %d times", calls, increments, calls)
	}
	t.Logf("%d calls woke their process %d times, and no other", calls, increments[its])
	for woken := false; !woken; { // unless the response came before it slept
		release <- true
		if err := <-result; err != nil {
			t.Fatal(err)
		}
		increments, before = rung(t, path, before)
		if increments[its] != 0 || len(increments) > 1 {
			t.Fatalf("a call of the other client rang bells %v, one of which is the first one's, %d", increments, its)
		}
		woken = len(increments) == 1
		go wait()
		<-began
	}
	release <- true
	if err := <-result; err != nil {
		t.Fatal(err)
	}
}
