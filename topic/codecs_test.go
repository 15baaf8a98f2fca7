package topic

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/shmtransport"
)

// reentrant encodes a number. Its first call publishes another number with the publisher that it encodes for, and its decoder
// decodes another sample.
type reentrant struct {
	encode func()
	decode func()
}

func (reentrant) Type() serde.Type               { return serde.Type{Name: "n", Encoding: "reentrant"} }
func (c *reentrant) Encoder() serde.Encoder[int] { return c }
func (c *reentrant) Decoder() serde.Decoder[int] { return c }
func (c *reentrant) Append(b []byte, v int) ([]byte, error) {
	if f := c.encode; f != nil {
		c.encode = nil
		f()
	}
	return append(b, byte(v)), nil
}

func (c *reentrant) Decode(b []byte, v *int) error {
	if f := c.decode; f != nil {
		c.decode = nil
		f()
	}
	*v = int(b[0])
	return nil
}

// A codec may use the endpoint that calls it.
func TestCodec_UsesItsEndpoint(t *testing.T) {
	p := join(t, domain(t))
	ctx := context.Background()
	codec := new(reentrant)
	pub := publisher(t, p, "n", &PublisherOptions[int]{Codec: codec})
	sub, err := NewSubscriber(ctx, p, "n", &SubscriberOptions[int]{Codec: codec})
	if err != nil {
		t.Fatal(err)
	}
	codec.encode = func() {
		if _, err := pub.Publish(ctx, 1); err != nil {
			t.Error(err)
		}
	}
	if _, err := pub.Publish(ctx, 2); err != nil {
		t.Fatal(err)
	}
	first, err := sub.Receive(ctx)
	if err != nil {
		t.Fatal(err)
	}
	second, err := sub.Receive(ctx)
	if err != nil {
		t.Fatal(err)
	}
	codec.decode = func() {
		if v, err := second.Value(); v != 2 || err != nil {
			t.Error(v, err)
		}
	}
	if v, err := first.Value(); v != 1 || err != nil {
		t.Error(v, err)
	}
	first.Release()
	second.Release()
}

// A tracing codec encodes a number as so many bytes, and decodes to a text that says which decoder read them.
type tracing struct{ fail error }

func (tracing) Type() serde.Type                { return serde.Type{Name: "n", Encoding: "tracing"} }
func (c tracing) Encoder() serde.Encoder[trace] { return c }
func (c tracing) Decoder() serde.Decoder[trace] { return c }
func (tracing) Append(b []byte, v trace) ([]byte, error) {
	return append(b, make([]byte, v.size)...), nil
}

func (c tracing) Decode(b []byte, v *trace) error {
	*v = trace{len(b), "shared"}
	return c.fail
}

func (c tracing) DecodeCopy(b []byte) (trace, error) { return trace{len(b), "private"}, c.fail }

type trace struct {
	size int
	from string
}

func TestSample_ValueOfAPrivatePayload(t *testing.T) {
	p := join(t, domain(t))
	pub := publisher(t, p, "n", &PublisherOptions[trace]{Codec: tracing{}})
	sub := subscriber(t, p, "n", &SubscriberOptions[trace]{Codec: tracing{}})
	failing := subscriber(t, p, "n", &SubscriberOptions[trace]{Codec: tracing{io.ErrNoProgress}})
	receive := func(sub *Subscriber[trace]) Sample[trace] {
		s, ok, err := sub.TryReceive()
		if !ok {
			t.Fatal("no sample", err)
		}
		return s
	}
	for _, want := range []trace{{shmtransport.SmallPayload, "private"}, {shmtransport.SmallPayload + 1, "shared"}} {
		send(t, pub, want)
		s := receive(sub)
		if got, err := s.Value(); got != want || err != nil {
			t.Errorf("%+v, want %+v (%v)", got, want, err)
		}
		s.Release()
		if _, err := s.Value(); !errors.Is(err, os.ErrClosed) {
			t.Errorf("a value after Release: %v", err)
		}
		s = receive(failing)
		if _, err := s.Value(); !errors.Is(err, io.ErrNoProgress) || !strings.Contains(err.Error(), `on topic "n"`) {
			t.Error(err)
		}
		s.Release()
	}
	if n := failing.Stats().DecodeErrors; n != 2 {
		t.Errorf("%d errors of decoders, want 2", n)
	}
}
