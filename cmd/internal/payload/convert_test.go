package payload

import (
	"errors"
	"testing"

	"github.com/shmbus/shmbus/internal/testpb"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/serde/protobuf"
)

func TestConverter_Encodings(t *testing.T) {
	pose := protobuf.Codec[*testpb.Vector]().Type()
	var c Converter
	for _, typ := range []serde.Type{{Encoding: "json"}, {Encoding: "cbor"}, {Encoding: "msgpack"}, pose, pose} {
		const doc = `{"x":1,"y":2,"z":-3}`
		payload, err := c.FromJSON(typ, []byte(doc))
		if err != nil {
			t.Fatal(err)
		}
		if js, err := c.ToJSON(typ, payload); err != nil || string(js) != doc {
			t.Errorf("%s: %s (%v)", typ.Encoding, js, err)
		}
	}
	if len(c.schemas) != 1 {
		t.Errorf("%d schemas are kept of one", len(c.schemas))
	}
	for _, typ := range []serde.Type{{Encoding: "flatbuffer"}, {Name: "a.B", Encoding: "protobuf"}} {
		if _, err := c.ToJSON(typ, nil); !errors.Is(err, serde.ErrUndecodable) {
			t.Error(err)
		}
		if _, err := c.FromJSON(typ, nil); !errors.Is(err, serde.ErrUndecodable) {
			t.Error(err)
		}
	}
}

func TestConverter_BoundedSchemas(t *testing.T) {
	var c Converter
	for range 10 * maxSchemas {
		typ := serde.Type{Name: "a.B", Encoding: "protobuf", SchemaEncoding: "protobuf", Schema: []byte("damaged")}
		for range 2 {
			if _, err := c.ToJSON(typ, nil); err == nil || errors.Is(err, serde.ErrUndecodable) {
				t.Fatal(err)
			}
		}
	}
	if len(c.schemas) > maxSchemas {
		t.Errorf("%d schemas are kept", len(c.schemas))
	}
}
