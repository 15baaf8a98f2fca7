package service

import (
	"os"
	"testing"

	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/topic"
)

// A process that introduces itself without an end gets its share of a server's places; others are served, and what it gives back is free.
func TestServer_HelloFlood(t *testing.T) {
	const extra = 40
	dir := t.TempDir()
	s := newEcho(t, dir, nil)
	good := newClient(t, dir, "echo") // of the same process
	flooder := participant(t, dir)
	var controls []*topic.Publisher[[]byte]
	hello := func(i int) {
		pub := publisher(t, flooder, topicOf("echo", segmentControl, keyName(s.registration.d.Key)), controlCodec().Type(), true)
		controls = append(controls, pub)
		send(t, pub, control{slot: helloSlot, requests: uint32(100000 + i), number: 1}.bytes())
	}
	for i := range maxOfProcess - 1 {
		hello(i)
	}
	await(t, "all that the process may have", func() bool { return s.figures.read().Clients == maxOfProcess })
	for i := range extra {
		hello(maxOfProcess + i)
	}
	await(t, "the refusals", func() bool { return s.figures.refused.Load() == extra })
	answers(t, good)
	other := registry.Participant{PID: 1, PIDCheck: registry.PIDOfUser}
	if !s.controlled(topic.PublisherID{Participant: 1, Number: 1}, other, control{slot: helloSlot, requests: 2, number: 1}) {
		t.Error("a client of another process was refused")
	}
	if got := s.figures.read().Clients; got != maxOfProcess+1 {
		t.Errorf("%d clients, want %d", got, maxOfProcess+1)
	}
	for _, pub := range controls {
		if err := pub.Close(); err != nil {
			t.Fatal(err)
		}
	}
	await(t, "the end of the flood", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.quotas.processes) == 2 && s.quotas.processes[callerProcess{os.Getuid(), os.Getpid()}] == 1 && len(s.byCtl) == 2
	})
	answers(t, newClient(t, dir, "echo"))
}

// One user has at most its share, with however many processes, and processes whose pid is not confirmed count as one.
func TestQuotas(t *testing.T) {
	var q quotas
	take := func(uid, pid int, check registry.PIDCheck) bool {
		return q.take(registry.Participant{UID: uid, PID: pid, PIDCheck: check})
	}
	taken := 0
	for pid := range 2 * maxOfUser / maxOfProcess {
		for range 2 * maxOfProcess {
			if take(1, 10+pid, registry.PIDOfUser) {
				taken++
			}
		}
		if want := min((pid+1)*maxOfProcess, maxOfUser); taken != want {
			t.Fatalf("%d clients of %d processes, want %d", taken, pid+1, want)
		}
	}
	taken = 0
	for pid := range 2 * maxOfProcess {
		if take(2, pid, registry.PIDUnverified) {
			taken++
		}
	}
	if taken != maxOfProcess {
		t.Errorf("%d clients of unconfirmed processes, want %d", taken, maxOfProcess)
	}
	for pid := range 2 * maxOfUser / maxOfProcess {
		for q.processes[callerProcess{1, 10 + pid}] > 0 {
			q.free(registry.Participant{UID: 1, PID: 10 + pid, PIDCheck: registry.PIDOfUser})
		}
	}
	for range maxOfProcess {
		q.free(registry.Participant{UID: 2})
	}
	if len(q.processes) != 0 || len(q.users) != 0 {
		t.Errorf("after the end of all clients: %v, %v", q.processes, q.users)
	}
}
