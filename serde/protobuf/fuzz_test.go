package protobuf

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/shmbus/shmbus/internal/testpb"
	"github.com/shmbus/shmbus/serde"
)

func seeds(f *testing.F, add func(payload []byte)) {
	for _, m := range []proto.Message{newNode(f), &testpb.Node{}} {
		b, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		add(b)
	}
	for _, c := range hostilePayloads() {
		if len(c.payload) < 1<<12 {
			add(c.payload)
		}
	}
	add(nodes(20))
}

func FuzzDecode(f *testing.F) {
	seeds(f, func(b []byte) { f.Add(b) })
	c := Codec[*testpb.Node]()
	enc, dec := c.Encoder(), c.Decoder()
	f.Fuzz(func(t *testing.T, payload []byte) {
		var v *testpb.Node
		if err := dec.Decode(payload, &v); err != nil {
			var found *fault
			if !errors.As(err, new(*serde.DecodeError)) || !errors.As(err, &found) || found.offset < 0 || found.offset > len(payload) {
				t.Fatalf("not a *DecodeError with a place: %v", err)
			}
			return
		}
		b, err := enc.Append(nil, v)
		if err != nil {
			t.Fatal(err)
		}
		var again *testpb.Node
		if err := dec.Decode(b, &again); err != nil {
			t.Fatalf("%x, made from %x: %v", b, payload, err)
		}
	})
}

func FuzzToJSON(f *testing.F) {
	seeds(f, func(b []byte) { f.Add(b) })
	s, err := ParseSchema(Codec[*testpb.Node]().Type())
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		js, err := s.ToJSON(payload)
		if err != nil {
			if !errors.As(err, new(*serde.DecodeError)) {
				t.Fatalf("not a *DecodeError: %v", err)
			}
			return
		}
		checkJSON(t, js, payload)
		back, err := s.FromJSON(js)
		if err != nil {
			t.Fatalf("%s: %v", js, err)
		}
		if again, err := s.ToJSON(back); err != nil || !bytes.Equal(again, js) {
			t.Fatalf("%s is %s the second time (%v)", js, again, err)
		}
	})
}

func checkJSON(t *testing.T, js json.RawMessage, payload []byte) {
	if !json.Valid(js) || int64(len(js)) > maxJSON(len(payload)) {
		t.Fatalf("%d bytes of JSON for %x: %.1000s", len(js), payload, js)
	}
}

func FuzzSchema(f *testing.F) {
	for _, typ := range []serde.Type{
		Codec[*testpb.Node]().Type(),
		declare(f, `message_type {name:"M" extension_range {start:10 end:20} field {name:"a" number:1 label:LABEL_OPTIONAL type:TYPE_GROUP type_name:".p.M.G"}
			nested_type {name:"G"}} extension {name:"x" number:10 extendee:".p.M" label:LABEL_REPEATED type:TYPE_SFIXED64 options {packed:true}}`),
		declare(f, `dependency:"q" message_type {name:"M" field {name:"e" number:1 label:LABEL_OPTIONAL type:TYPE_ENUM type_name:"E"}}`),
	} {
		seeds(f, func(payload []byte) { f.Add(typ.Schema, typ.Name, payload) })
	}
	f.Fuzz(func(t *testing.T, schema []byte, name string, payload []byte) {
		typ := serde.Type{Name: name, Encoding: Encoding, SchemaEncoding: Encoding, Schema: schema}
		s, err := ParseSchema(typ)
		if err != nil {
			return
		}
		js, err := s.ToJSON(payload)
		if err != nil {
			if !errors.As(err, new(*serde.DecodeError)) {
				t.Fatalf("not a *DecodeError: %v", err)
			}
		} else {
			checkJSON(t, js, payload)
			if back, err := s.FromJSON(js); err == nil {
				if _, err := s.ToJSON(back); err != nil {
					t.Fatalf("%s becomes %x: %v", js, back, err)
				}
			}
		}
		if err := Compatible(typ, typ); err != nil {
			t.Fatalf("a schema is not compatible with itself: %v", err)
		}
	})
}
