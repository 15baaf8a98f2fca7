package topic

import (
	"context"
	"testing"

	"github.com/shmbus/shmbus/serde"
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
