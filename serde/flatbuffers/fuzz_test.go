package flatbuffers

import (
	"testing"

	"github.com/shmbus/shmbus/internal/testfb"
)

func FuzzPayload(f *testing.F) {
	f.Add(packed(f, "Node", testfb.NewNode().Pack))
	f.Add(nested(3))
	f.Add(shared(3, 3))
	c, s := nodeCodec(f), nodeSchema(f)
	f.Fuzz(func(t *testing.T, payload []byte) { check(t, c, s, payload) })
}

func FuzzSchema(f *testing.F) {
	every, err := FromJSON(everyType(f), []byte(everyJSON))
	if err != nil {
		f.Fatal(err)
	}
	for name, schema := range everySchemas(f) {
		f.Add(name, schema, every)
	}
	f.Fuzz(useSchema)
}

func FuzzFromJSON(f *testing.F) {
	f.Add([]byte(everyJSON))
	f.Add([]byte(`{"b":true,"outer":{"big":1},"any_type":"Leaf","any":{"text":"x"},"bytes":"AAE="}`))
	s, err := ParseSchema(everyType(f))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, js []byte) {
		payload, err := s.FromJSON(js)
		if err != nil {
			return
		}
		if _, err := s.ToJSON(payload); err != nil {
			t.Errorf("%v in the payload of %s", err, js)
		}
	})
}
