package service

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/topic"
)

// Requests and control messages that break the rules are counted, and harm no other client.
func TestServer_HostileMessages(t *testing.T) {
	dir := t.TempDir()
	s := newEcho(t, dir, &ServerOptions[int, int]{Concurrency: 2})
	good := newClient(t, dir, "echo")
	h := newHostileClient(t, dir, s, intMessages(), intMessages(), topic.SubscriberOptions[[]byte]{})

	refused := func(what string, n uint64, do func()) {
		t.Helper()
		was := s.figures.refused.Load()
		do()
		await(t, what, func() bool { return s.figures.refused.Load() >= was+n })
		if got := s.figures.refused.Load() - was; got != n {
			t.Errorf("%s: %d refused, want %d", what, got, n)
		}
		answers(t, good)
	}
	call := func(number uint64) []byte { return encoded(Header{Number: number, Kind: KindCall}, "1") }
	refused("a request before hello", 1, func() { send(t, h.requests, call(1<<slotBits)) })
	refused("control before hello", 1, func() { send(t, h.control, control{slot: 1, requests: h.requests.ID().Number, number: 1}.bytes()) })
	refused("hello without slots", 1, func() { h.hello(t, 0) })
	refused("hello of another client's requests", 1, func() {
		send(t, h.control, control{slot: helloSlot, requests: math.MaxUint32, number: 1}.bytes())
		send(t, h.control, control{slot: helloSlot, requests: h.requests.ID().Number + 77, number: 1}.bytes())
	})
	h = newHostileClient(t, dir, s, intMessages(), intMessages(), topic.SubscriberOptions[[]byte]{})
	h.hello(t, math.MaxUint64)
	h.awaitWelcome(t)
	for name, b := range map[string][]byte{
		"no bytes": {}, "half a header": make([]byte, HeaderSize/2), "zeros": make([]byte, 100),
		"kind of a response": encoded(Header{Number: 1 << slotBits, Kind: KindResponse}, "1"), "no kind": encoded(Header{Kind: math.MaxUint32}, "1"),
		"slot beyond": call(1<<slotBits | 16), "no slot": call(1<<slotBits | helloSlot), "a value that is none": encoded(Header{Number: 1 << slotBits, Kind: KindCall}, "\xc1"),
	} {
		refused(name, 1, func() { send(t, h.requests, b) })
	}
	for name, b := range map[string][]byte{
		"no bytes": {}, "too long": make([]byte, controlSize+1), "no slot": control{slot: math.MaxUint32, requests: h.requests.ID().Number}.bytes(),
		"slot beyond": control{slot: 16, requests: h.requests.ID().Number, number: 1}.bytes(), "unknown client": control{requests: 9999, number: 1}.bytes(),
	} {
		refused("control: "+name, 1, func() { send(t, h.control, b) })
	}
	for range 100 {
		h.hello(t, math.MaxUint64)
		send(t, h.control, control{slot: 3, requests: h.requests.ID().Number, number: math.MaxUint64, credit: math.MaxUint64, cancelled: 7}.bytes())
	}
	for _, deadline := range []int64{math.MinInt64, -1, 1, math.MaxInt64} {
		send(t, h.requests, encoded(Header{Number: 5<<slotBits | 1, Kind: KindCall, Deadline: deadline}, "1"))
	}
	answers(t, good)
	s.mu.Lock()
	clients := len(s.clients)
	s.mu.Unlock()
	if clients > 3 {
		t.Errorf("%d clients of three participants", clients)
	}
}

// Random bytes on the topics of a server cost other clients nothing.
func TestServer_RandomBytes(t *testing.T) {
	dir := t.TempDir()
	s := newEcho(t, dir, nil)
	good := newClient(t, dir, "echo")
	h := newHostileClient(t, dir, s, intMessages(), intMessages(), topic.SubscriberOptions[[]byte]{})
	h.hello(t, 4)
	h.awaitWelcome(t)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 5000 {
		b := make([]byte, r.IntN(80))
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		if len(b) >= HeaderSize && i%2 == 0 { // near what is right
			binary.NativeEndian.PutUint64(b[hdrOffNumber:], r.Uint64N(8)<<slotBits|r.Uint64N(6))
			binary.NativeEndian.PutUint64(b[hdrOffDeadline:], 0)
			binary.NativeEndian.PutUint32(b[hdrOffKind:], r.Uint32N(11))
		}
		send(t, h.requests, b)
		if i%2 == 0 {
			b = control{slot: r.Uint32N(6), requests: h.requests.ID().Number, number: r.Uint64N(8)<<slotBits | r.Uint64N(6), credit: r.Uint64(), cancelled: r.Uint32N(3)}.bytes()
		}
		send(t, h.control, b)
		if i%500 == 0 {
			answers(t, good)
		}
	}
	answers(t, good)
	if s.figures.refused.Load() == 0 {
		t.Error("nothing was refused")
	}
}

// A client that takes its responses losslessly and never reads them holds up no handler.
func TestServer_LosslessReaderOfResponses(t *testing.T) {
	dir := t.TempDir()
	s := newEcho(t, dir, &ServerOptions[int, int]{Concurrency: 1})
	good := newClient(t, dir, "echo")
	h := newHostileClient(t, dir, s, intMessages(), intMessages(), topic.SubscriberOptions[[]byte]{Lossless: true, LosslessTimeout: time.Hour})
	h.hello(t, 1)
	h.awaitWelcome(t)
	for i := range 200 {
		send(t, h.requests, encoded(Header{Number: uint64(i+1) << slotBits, Kind: KindCall}, "1"))
		if i%50 == 0 {
			answers(t, good)
		}
	}
	answers(t, good)
}

// A process that reads the requests of a client losslessly and takes none holds up no call.
func TestClient_LosslessReaderOfRequests(t *testing.T) {
	dir := t.TempDir()
	s := newEcho(t, dir, nil)
	good := newClient(t, dir, "echo")
	_, err := topic.NewSubscriber(t.Context(), participant(t, dir), topicOf("echo", segmentRequest, keyName(s.registration.d.Key)), &topic.SubscriberOptions[[]byte]{
		Codec: serde.Opaque(intMessages()), Lossless: true, LosslessTimeout: time.Hour,
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		answers(t, good)
	}
}
