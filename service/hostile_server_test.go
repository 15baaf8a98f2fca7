package service

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/topic"
)

// A hostileServer announces itself and answers what the test says.
type hostileServer struct {
	p         *topic.Participant
	requests  *topic.Subscriber[[]byte]
	control   *topic.Subscriber[[]byte]
	responses *topic.Publisher[[]byte]
}

// In the encoding of int "*" is 42 and "\xff" is -1.

// newHostileServer serves the name "echo". The client is made meanwhile.
func newHostileServer(t testing.TB, dir string, stream bool) (*hostileServer, *Client[int, int]) {
	t.Helper()
	s := &hostileServer{p: participant(t, dir)}
	const key = 77
	var err error
	if s.requests, err = topic.NewSubscriber(t.Context(), s.p, topicOf("echo", segmentRequest, keyName(key)), &topic.SubscriberOptions[[]byte]{Codec: serde.Opaque(intMessages()), Lossless: true}); err != nil {
		t.Fatal(err)
	}
	if s.control, err = topic.NewSubscriber(t.Context(), s.p, topicOf("echo", segmentControl, keyName(key)), &topic.SubscriberOptions[[]byte]{Codec: controlCodec()}); err != nil {
		t.Fatal(err)
	}
	announce(t, s.p, "echo", Description{
		Name: "echo", Key: key, Request: serde.Default[int]().Type(), Response: serde.Default[int]().Type(), Stream: stream, Serving: true, Concurrency: 1, MaxCalls: 2,
	})
	made := make(chan *Client[int, int])
	go func() {
		c, err := NewClient[int, int](t.Context(), participant(t, dir), "echo", nil)
		if err != nil {
			t.Error(err)
		}
		made <- c
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	m, err := s.control.Receive(ctx)
	if err != nil {
		t.Fatal(err)
	}
	hello, _ := parseControl(m.Bytes())
	id := topic.PublisherID{Participant: m.Publisher().Participant, Number: hello.requests}
	m.Release()
	s.responses = publisher(t, s.p, topicOf("echo", segmentResponse, id.String()), intMessages(), false)
	send(t, s.responses, encoded(Header{Kind: KindWelcome}, ""))
	c := <-made
	if c == nil {
		t.FailNow()
	}
	t.Cleanup(func() { c.Close() })
	return s, c
}

func announce(t testing.TB, p *topic.Participant, name string, v any) *topic.Publisher[[]byte] {
	t.Helper()
	b, ok := v.([]byte)
	if !ok {
		var err error
		if b, err = json.Marshal(v); err != nil {
			t.Fatal(err)
		}
	}
	pub, err := topic.NewPublisher(t.Context(), p, topicOf(name, segmentServer), &topic.PublisherOptions[[]byte]{Codec: descriptionCodec(), Depth: 2, Latched: true, MaxPayload: 2 * maxDescription})
	if err != nil {
		t.Fatal(err)
	}
	send(t, pub, b)
	return pub
}

// take takes the next request.
func (s *hostileServer) take(t testing.TB) Header {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	m, err := s.requests.Receive(ctx)
	if err != nil {
		t.Error(err)
		return Header{}
	}
	defer m.Release()
	h, _, err := ParseHeader(m.Bytes())
	if err != nil {
		t.Error(err)
	}
	return h
}

// Whatever a server sends, each call gets the response of its own number or none.
func TestClient_HostileResponses(t *testing.T) {
	for _, stream := range []bool{false, true} {
		dir := t.TempDir()
		s, c := newHostileServer(t, dir, stream)
		other := publisher(t, participant(t, dir), s.responses.Topic(), intMessages(), false) // of a participant that is not the server
		right := func(number uint64, value string) [][]byte {
			if stream {
				return [][]byte{encoded(Header{Number: number, Kind: KindItem}, value), encoded(Header{Number: number, Kind: KindEnd}, "")}
			}
			return [][]byte{encoded(Header{Number: number, Kind: KindResponse}, value)}
		}
		r := rand.New(rand.NewPCG(3, 4))
		for i := range 300 {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			answered := make(chan bool)
			go func() {
				defer close(answered)
				h := s.take(t)
				for range 5 {
					b := encoded(Header{Number: h.Number - r.Uint64N(3)<<slotBits, Kind: Kind(r.Uint32N(12)), Code: int32(r.Uint32())}, "\xff")
					if got, _, err := ParseHeader(b); err == nil && got.Number == h.Number { // what only this call may get is not wrong
						binary.NativeEndian.PutUint64(b, r.Uint64N(2)*uint64(slotOf(h.Number)))
					}
					if got, _, _ := ParseHeader(b); got.Kind != KindClosed {
						send(t, s.responses, b)
					}
					send(t, other, encoded(Header{Number: h.Number, Kind: Kind(4 + r.Uint32N(6))}, "\xff"))
				}
				wrongKind := KindItem
				if stream {
					wrongKind = KindResponse
				}
				send(t, s.responses, encoded(Header{Number: h.Number, Kind: wrongKind}, "\xff"))
				send(t, s.responses, encoded(Header{Number: h.Number, Kind: KindWelcome}, "\xff"))
				for _, b := range right(h.Number, "*") {
					send(t, s.responses, b)
				}
				for _, b := range right(h.Number, "\xff") {
					send(t, s.responses, b)
				}
			}()
			if stream {
				n := 0
				for v, err := range c.Stream(ctx, i) {
					if v != 42 || err != nil {
						t.Fatalf("stream %d: %d, %v", i, v, err)
					}
					n++
				}
				if n != 1 {
					t.Fatalf("stream %d: %d responses", i, n)
				}
			} else if got, err := c.Call(ctx, i); got != 42 || err != nil {
				t.Fatalf("call %d: %d, %v", i, got, err)
			}
			<-answered
			cancel()
		}
		k := connection(c)
		k.mu.Lock()
		if len(k.free) != len(k.slots) {
			t.Errorf("%d of %d slots are free", len(k.free), len(k.slots))
		}
		k.mu.Unlock()
	}
}

// Descriptions of errors that break the rules are errors.
func TestClient_HostileErrors(t *testing.T) {
	s, c := newHostileServer(t, t.TempDir(), false)
	for _, text := range []string{"", "\x00", "\xff\xff\xff\xff", "\x05\x00\x00\x00abcd", "\x00\x00\x00\x80" + strings.Repeat("x", 1000)} {
		go func() {
			h := s.take(t)
			send(t, s.responses, encoded(Header{Number: h.Number, Kind: KindError}, text))
		}()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		if _, err := c.Call(ctx, 1); !errors.Is(err, ErrOutcomeUnknown) {
			t.Errorf("%q: %v", text, err)
		}
		cancel()
	}
}

// Announcements of any content keep no client from its server, and no server from its name.
func TestAnnouncements_Hostile(t *testing.T) {
	dir := t.TempDir()
	s := newEcho(t, dir, nil)
	before := newClient(t, dir, "echo")
	p := participant(t, dir)
	d := s.registration.d
	wrong := d
	wrong.Key, wrong.Request = 1, serde.Type{Name: strings.Repeat("n", 1<<20), Encoding: "absurd", Schema: make([]byte, 1<<20)}
	large := d
	large.Key, large.MaxCalls = 2, math.MaxInt32
	negative := d
	negative.Key, negative.Concurrency = 3, -1
	another := d
	another.Key, another.Name = 4, "another"
	for _, v := range []any{
		[]byte{}, []byte("{"), []byte("null"), []byte(strings.Repeat("[", 100000)), []byte(`{"Name":"echo","MaxCalls":1e99}`), make([]byte, maxDescription+1),
		wrong, large, negative, another,
		d, // with the server's own key
	} {
		announce(t, p, "echo", v)
	}
	answers(t, before)
	if n := len(before.Servers()); n != 1 {
		t.Errorf("%d servers", n)
	}
	found, err := Find(t.Context(), p, "**")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		if f.Name != "echo" || f.MaxCalls > maxMaxCalls {
			t.Errorf("found %q with %d calls", f.Name, f.MaxCalls)
		}
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	answers(t, newClient(t, dir, "echo"))
}

// A client whose server does not answer says so when its ctx ends.
func TestNewClient_ServerDoesNotAnswer(t *testing.T) {
	dir := t.TempDir()
	values := serde.Default[int]().Type()
	announce(t, participant(t, dir), "mute", Description{Name: "mute", Request: values, Response: values, Serving: true, Concurrency: 1, MaxCalls: 1})
	rings, err := topic.NewSubscriber(t.Context(), participant(t, dir), topicOf("mute", segmentRequest, keyName(0)), &topic.SubscriberOptions[[]byte]{Codec: serde.Opaque(intMessages())})
	if err != nil {
		t.Fatal(err)
	}
	p := participant(t, dir)
	for deadline := time.Now().Add(20 * time.Second); ; {
		ctx, cancel := context.WithCancel(t.Context())
		watched := make(chan bool)
		go func() {
			defer close(watched)
			defer cancel()
			for rings.Publishers() == 0 && time.Now().Before(deadline) { // the client has found the server when it makes its rings
				time.Sleep(time.Millisecond)
			}
		}()
		c, err := NewClient[int, int](ctx, p, "mute", nil)
		<-watched
		if err != nil {
			if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), `"mute"`) || !strings.Contains(err.Error(), "have not answered: 1") {
				t.Errorf("NewClient: %v", err)
			}
			return
		}
		c.Close() // ctx ended after connectTimeout
		if time.Now().After(deadline) {
			t.Fatal("no wait of a client has been ended")
		}
		await(t, "the end of its rings", func() bool { return rings.Publishers() == 0 })
	}
}
