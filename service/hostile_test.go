package service

import (
	"context"
	"testing"
	"time"

	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/topic"
)

func participant(t testing.TB, dir string) *topic.Participant {
	t.Helper()
	p, err := topic.Join(&topic.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// publisher publishes bytes of any kind under the type of a topic of services.
func publisher(t testing.TB, p *topic.Participant, name string, typ serde.Type, keyed bool) *topic.Publisher[[]byte] {
	t.Helper()
	opts := &topic.PublisherOptions[[]byte]{Codec: serde.Opaque(typ), Depth: 1024}
	if keyed {
		opts.Key = func(b []byte) string { return string(b[:min(len(b), 8)]) }
		opts.MaxKeys = 65536
	}
	pub, err := topic.NewPublisher(t.Context(), p, name, opts)
	if err != nil {
		t.Fatal(err)
	}
	return pub
}

func send(t testing.TB, pub *topic.Publisher[[]byte], b []byte) {
	t.Helper()
	if _, err := pub.Publish(t.Context(), b); err != nil {
		t.Fatal(err)
	}
}

func intMessages() serde.Type { return typeOfMessages(serde.Default[int]().Type()) }

func encoded(h Header, value string) []byte {
	b := make([]byte, HeaderSize)
	h.put(b)
	return append(b, value...)
}

func echoInt(_ context.Context, c *Call[int, int]) (int, error) { return c.Request(), nil }

func newEcho(t testing.TB, dir string, opts *ServerOptions[int, int]) *Server[int, int] {
	t.Helper()
	s, err := NewServer(t.Context(), participant(t, dir), "echo", echoInt, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func newClient(t testing.TB, dir, name string) *Client[int, int] {
	t.Helper()
	c, err := NewClient[int, int](t.Context(), participant(t, dir), name, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// answers fails the test unless the service answers calls.
func answers(t testing.TB, c *Client[int, int]) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for i := range 20 {
		if got, err := c.Call(ctx, i); got != i || err != nil {
			t.Fatalf("call %d: %d, %v", i, got, err)
		}
	}
}

func await(t testing.TB, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("waited in vain: ", what)
		}
	}
}

// A hostile client is a participant whose messages to a server the test makes.
type hostileClient struct {
	p                 *topic.Participant
	requests, control *topic.Publisher[[]byte]
	responses         *topic.Subscriber[[]byte]
}

func newHostileClient[Req, Resp any](t testing.TB, dir string, s *Server[Req, Resp], request, response serde.Type, opts topic.SubscriberOptions[[]byte]) *hostileClient {
	t.Helper()
	key := keyName(s.registration.d.Key)
	h := &hostileClient{p: participant(t, dir)}
	h.requests = publisher(t, h.p, topicOf(s.Name(), segmentRequest, key), request, false)
	opts.Codec = serde.Opaque(response)
	var err error
	if h.responses, err = topic.NewSubscriber(t.Context(), h.p, topicOf(s.Name(), segmentResponse, h.requests.ID().String()), &opts); err != nil {
		t.Fatal(err)
	}
	h.control = publisher(t, h.p, topicOf(s.Name(), segmentControl, key), controlCodec().Type(), true)
	return h
}

func (h *hostileClient) hello(t testing.TB, slots uint64) {
	t.Helper()
	send(t, h.control, control{slot: helloSlot, requests: h.requests.ID().Number, number: slots}.bytes())
}

func (h *hostileClient) awaitWelcome(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	m, err := h.responses.Receive(ctx)
	if err != nil {
		t.Fatal(err)
	}
	m.Release()
}
