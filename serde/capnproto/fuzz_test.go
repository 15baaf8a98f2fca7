package capnproto

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/shmbus/shmbus/internal/testcapnp"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/serde/internal/generictest"
)

func seeds(f *testing.F, add func(payload []byte)) *Schema {
	f.Helper()
	s, err := ParseSchema(nodeCodec(f).Type())
	if err != nil {
		f.Fatal(err)
	}
	for _, doc := range []string{"{}", wholeNode(), `{"children":[{"children":[{}]}],"next":{"place":{"x":1}}}`} {
		payload, err := s.FromJSON([]byte(doc))
		if err != nil {
			f.Fatal(err)
		}
		add(payload)
	}
	add(words([]uint64{far(1, 0)}, []uint64{structPointer(0, 1, 1), 7, listPointer(0, 7, 2), structPointer(1, 1, 1), 7, listPointer(-3, 7, 2)}))
	add(words([]uint64{doubleFar(1, 0)}, []uint64{far(0, 1), structPointer(0, 1, 0)}))
	return s
}

func FuzzDecode(f *testing.F) {
	s := seeds(f, func(b []byte) { f.Add(b) })
	c := nodeCodec(f)
	f.Fuzz(func(t *testing.T, payload []byte) {
		decodeAll(t, c, s, payload)
		var v testcapnp.Node
		if c.Decoder().Decode(payload, &v) != nil {
			return
		}
		again, err := c.Encoder().Append(nil, v)
		if err == nil {
			err = c.Decoder().Decode(again, &v)
		}
		if err != nil {
			t.Fatalf("%x became %x (%v)", payload, again, err)
		}
		if third, err := c.Encoder().Append(nil, v); err != nil || !bytes.Equal(third, again) {
			t.Fatalf("%x became %x the second time (%v)", again, third, err)
		}
	})
}

func FuzzToJSON(f *testing.F) {
	s := seeds(f, func(b []byte) { f.Add(b) })
	f.Fuzz(func(t *testing.T, payload []byte) {
		js, err := s.ToJSON(payload)
		if err != nil {
			if !isBad(err) {
				t.Fatal(err)
			}
			return
		}
		checkJSON(t, js, payload)
		if v, err := s.ToValue(payload); err == nil { // otherwise beyond its own limit
			generictest.Check(t, v, nil, js, nil)
		}
		back, err := s.FromJSON(js)
		if err != nil {
			if !bytes.Contains(js, []byte(`"any":"(`)) {
				t.Fatalf("%s: %v", js, err)
			}
			return
		}
		again, err := s.ToJSON(back) // with the first member of each union whose active member is unknown
		if err == nil {
			back, err = s.FromJSON(again)
		}
		if third, err2 := s.ToJSON(back); err != nil || err2 != nil || !bytes.Equal(third, again) {
			t.Fatalf("%s is %s the second time (%v, %v)", again, third, err, err2)
		}
	})
}

func checkJSON(t *testing.T, js json.RawMessage, payload []byte) {
	t.Helper()
	if !json.Valid(js) || len(js) > jsonMore+jsonPerByte*len(payload) {
		t.Fatalf("%d bytes of JSON for %x: %.1000s", len(js), payload, js)
	}
}

func FuzzSchema(f *testing.F) {
	for _, schema := range [][]byte{
		testcapnp.Schema(),
		request(f, structNode(1, "A", 1, 1, slotField("x", 0, 0, float64Type), groupField("g", 2)), group(2, 1, 1, 1, 0, member(0, slotField("t", 1, 0, ownList)))),
	} {
		f.Add(schema, "t:A", words([]uint64{structPointer(0, 1, 1), 7, listPointer(0, 7, 2), structPointer(1, 1, 1), 7, listPointer(-3, 7, 2)}))
		f.Add(schema, "testcapnp.capnp:Node", words([]uint64{0}))
	}
	f.Fuzz(func(t *testing.T, schema []byte, name string, payload []byte) {
		typ := serde.Type{Name: name, Encoding: Encoding, SchemaEncoding: Encoding, Schema: schema}
		s, err := ParseSchema(typ)
		if err != nil {
			return
		}
		js, err := s.ToJSON(payload)
		switch {
		case err != nil && !isBad(err):
			t.Fatal(err)
		case err == nil:
			checkJSON(t, js, payload)
			if back, err := s.FromJSON(js); err == nil {
				if _, err := s.ToJSON(back); err != nil {
					t.Fatalf("%s becomes %x: %v", js, back, err)
				}
			}
		}
		if _, err := s.FromJSON([]byte("{}")); err != nil {
			t.Fatal(err)
		}
		_ = Compatible(typ, typ)
		_ = s.root.recursive()
	})
}
