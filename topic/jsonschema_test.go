package topic

import (
	"fmt"
	"testing"

	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/serde/jsonschema"
)

// Two versions of a message, whose JSON Schemas differ.
type goalBefore struct {
	X float64 `json:"x" msgpack:"x"`
}

type goalAfter struct {
	X     float64 `json:"x" msgpack:"x"`
	Speed float64 `json:"speed" msgpack:"speed"`
}

// renamed is a codec of a type under another name.
type renamed[T any] struct {
	serde.Codec[T]
	name string
}

func (c renamed[T]) Type() serde.Type {
	t := c.Codec.Type()
	t.Name = c.name
	return t
}

func described[T any](t *testing.T, encoding string) serde.Codec[T] {
	t.Helper()
	codec := map[string]serde.Codec[T]{"json": serde.JSON[T](), "cbor": serde.CBOR[T](), "msgpack": serde.MsgPack[T]()}[encoding]
	c, err := jsonschema.Codec[T](renamed[T]{codec, "nav.Goal"})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Subscribers with the schema of another version, and without a schema, are connected.
func TestSubscriber_OtherVersionOfJSONSchema(t *testing.T) {
	for _, encoding := range []string{"json", "cbor", "msgpack"} {
		o := domain(t)
		a, b := join(t, o), join(t, o)
		pub := publisher(t, a, "goal", &PublisherOptions[goalAfter]{Codec: described[goalAfter](t, encoding)})
		older := subscriber(t, b, "goal", &SubscriberOptions[goalBefore]{Codec: described[goalBefore](t, encoding)})
		any := subscriber[[]byte](t, b, "goal", nil)
		if _, err := pub.Publish(t.Context(), goalAfter{X: 1.5, Speed: 2}); err != nil {
			t.Fatal(err)
		}
		s, err := older.Receive(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if v, err := s.Value(); err != nil || fmt.Sprint(v) != "{1.5}" || s.Type().SchemaEncoding != "jsonschema" {
			t.Errorf("%s: %v, %v", encoding, v, err)
		}
		s.Release()
		raw, err := any.Receive(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if string(raw.Type().Schema) != string(described[goalAfter](t, encoding).Type().Schema) || len(raw.Type().Schema) == 0 {
			t.Errorf("%s: the schema is %s", encoding, raw.Type().Schema)
		}
		raw.Release()
	}
}
