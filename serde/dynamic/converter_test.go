package dynamic

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"structs"
	"sync"
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

// vectorTypes are the types of a vector in all encodings of structs.
func vectorTypes(t *testing.T) []serde.Type {
	t.Helper()
	inMemory, err := plain.New[vector]()
	if err != nil {
		t.Fatal(err)
	}
	return []serde.Type{
		{Encoding: "json"}, {Encoding: "cbor"}, {Encoding: "msgpack"},
		protobuf.Codec[*testpb.Vector]().Type(),
		{Name: "geometry_msgs/msg/Vector3", Encoding: cdr.Encoding, SchemaEncoding: cdr.SchemaEncoding, Schema: []byte("float64 x\nfloat64 y\nfloat64 z\n")},
		inMemory.Type(),
	}
}

func TestConverter_Encodings(t *testing.T) {
	var c Converter
	for range 2 {
		for _, typ := range vectorTypes(t)[:5] {
			const doc = `{"x":1,"y":2,"z":-3}`
			payload, err := c.FromJSON(typ, []byte(doc))
			if err != nil {
				t.Fatal(err)
			}
			if js, err := c.ToJSON(typ, payload); err != nil || string(js) != doc {
				t.Errorf("%s: %s (%v)", typ.Encoding, js, err)
			}
		}
	}
	typ := vectorTypes(t)[5]
	payload, err := c.FromJSON(typ, []byte(`{"X":0.5}`))
	if err != nil {
		t.Fatal(err)
	}
	if js, err := c.ToJSON(typ, payload); err != nil || string(js) != `{"X":0.5,"Y":0,"Z":0}` {
		t.Errorf("%s (%v)", js, err)
	}
}

func TestConverter_Undecodable(t *testing.T) {
	for _, typ := range []serde.Type{{}, {Encoding: "raw"}, {Encoding: "unknown"}, {Name: "a.B", Encoding: "protobuf"}, {Encoding: "cdr"}, {Encoding: "plain"}} {
		_, toJSON := ToJSON(typ, nil)
		_, fromJSON := FromJSON(typ, nil)
		_, toValue := ToValue(typ, nil)
		for _, err := range []error{toJSON, fromJSON, toValue} {
			if !errors.Is(err, serde.ErrUndecodable) {
				t.Errorf("%s: %v", typ.Encoding, err)
			}
		}
	}
	if Supports("raw") || Supports("") || !Supports("protobuf") || !Supports("string") {
		t.Error("supported encodings")
	}
}

func TestCompatible(t *testing.T) {
	pose := protobuf.Codec[*testpb.Pose]().Type()
	damaged, other := pose, pose
	damaged.Schema = pose.Schema[:len(pose.Schema)/2]
	other.Name = "testpb.Image"
	plainVector := vectorTypes(t)[5]
	changed := plainVector
	changed.Schema = append(bytes.Clone(changed.Schema), ' ')
	for name, tc := range map[string]struct {
		published, subscribed serde.Type
		fits                  bool
	}{
		"equal": {pose, pose, true}, "damaged": {damaged, pose, false}, "another name": {other, pose, false},
		"no schema": {serde.Type{Name: pose.Name, Encoding: pose.Encoding}, pose, true}, "no comparison": {changed, plainVector, false},
	} {
		if err := Compatible(tc.published, tc.subscribed); (err == nil) != tc.fits {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestConverter_ParsesOnce(t *testing.T) {
	var c Converter
	typ := protobuf.Codec[*testpb.Vector]().Type()
	first, err := c.form(typ)
	if err != nil {
		t.Fatal(err)
	}
	if second, _ := c.form(typ); second != first {
		t.Error("the schema is parsed again")
	}
	typ.Name = "testpb.Quaternion" // another message of the same schema
	if other, err := c.form(typ); err != nil || other == first {
		t.Error(err)
	}
	typ.Schema = bytes.Clone(typ.Schema)
	if len(c.schemas) != 2 || c.size != 2*len(typ.Schema) {
		t.Errorf("%d schemas of %d bytes", len(c.schemas), c.size)
	}
}

func TestConverter_BoundedSchemas(t *testing.T) {
	var c Converter
	bounded := func() {
		t.Helper()
		size := 0
		for key := range c.schemas {
			size += key.size
		}
		if len(c.schemas) == 0 || len(c.schemas) > maxSchemas || size != c.size || size > maxSchemaBytes && len(c.schemas) > 1 {
			t.Fatalf("%d schemas of %d bytes, counted as %d", len(c.schemas), size, c.size)
		}
	}
	for range 3 * maxSchemas {
		typ := serde.Type{Name: "a.B", Encoding: "protobuf", SchemaEncoding: "protobuf", Schema: []byte("damaged")}
		for range 2 {
			if _, err := c.ToJSON(typ, nil); err == nil || errors.Is(err, serde.ErrUndecodable) {
				t.Fatal(err)
			}
		}
		bounded()
	}
	for range 5 {
		typ := serde.Type{Encoding: "json", SchemaEncoding: "any", Schema: make([]byte, maxSchemaBytes/3)}
		if _, err := c.ToJSON(typ, []byte("1")); err != nil {
			t.Fatal(err)
		}
		bounded()
	}
	typ := serde.Type{Encoding: "json", SchemaEncoding: "any", Schema: make([]byte, maxSchemaBytes+1)}
	if js, err := c.ToJSON(typ, []byte("1")); err != nil || string(js) != "1" || len(c.schemas) != 1 {
		t.Errorf("%s, %v, %d schemas", js, err, len(c.schemas))
	}
	bounded()
}

func TestConverter_Concurrent(t *testing.T) {
	var c Converter
	var wg sync.WaitGroup
	types := vectorTypes(t)
	for range 4 {
		wg.Go(func() {
			for _, typ := range types {
				payload, err := c.FromJSON(typ, []byte(`{}`))
				if err != nil {
					t.Error(err)
				}
				if js, err := c.ToJSON(typ, payload); err != nil || !json.Valid(js) || !strings.HasPrefix(string(js), "{") {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}
