package payload

import (
	"errors"
	"strings"
	"structs"
	"testing"

	"github.com/shmbus/shmbus/internal/testpb"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/serde/cdr"
	"github.com/shmbus/shmbus/serde/plain"
	"github.com/shmbus/shmbus/serde/protobuf"
)

type vector struct {
	_       structs.HostLayout
	X, Y, Z float64
}

func TestConverter_Encodings(t *testing.T) {
	pose := protobuf.Codec[*testpb.Vector]().Type()
	ros := serde.Type{
		Name: "geometry_msgs/msg/Vector3", Encoding: cdr.Encoding, SchemaEncoding: cdr.SchemaEncoding, Schema: []byte("float64 x\nfloat64 y\nfloat64 z\n"),
	}
	inMemory, err := plain.New[vector]()
	if err != nil {
		t.Fatal(err)
	}
	var c Converter
	for _, typ := range []serde.Type{{Encoding: "json"}, {Encoding: "cbor"}, {Encoding: "msgpack"}, pose, pose, ros, inMemory.Type()} {
		doc := `{"x":1,"y":2,"z":-3}`
		if typ.Encoding == plain.Encoding {
			doc = strings.ToUpper(doc)
		}
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
	for _, typ := range []serde.Type{{Encoding: "flatbuffer"}, {Name: "a.B", Encoding: "protobuf"}, {Encoding: "cdr"}, {Encoding: "plain"}} {
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
