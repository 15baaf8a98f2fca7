package capnproto

import (
	"bytes"
	"testing"

	"github.com/shmbus/shmbus/internal/testcapnp"
	"github.com/shmbus/shmbus/serde/internal/generictest"
)

// sameValue compares the generic value with the JSON, as far as the limits of both allow that.
func sameValue(t testing.TB, s *Schema, payload []byte) {
	t.Helper()
	v, errValue := s.ToValue(payload)
	js, errJSON := s.ToJSON(payload)
	if len(payload) < 1000 {
		generictest.Check(t, v, errValue, js, errJSON)
	}
}

func TestToValue_SameAsJSON(t *testing.T) {
	c := nodeCodec(t)
	whole, err := FromJSON(c.Type(), []byte(wholeNode()))
	if err != nil {
		t.Fatal(err)
	}
	for name, payload := range map[string][]byte{
		"all fields": whole,
		"no root":    encode(t, c, testcapnp.Node{}),
		"empty":      {0, 0, 0, 0, 1, 0, 0, 0, 0xfc, 0xff, 0xff, 0xff, 0, 0, 0, 0},
	} {
		v, err := ToValue(c.Type(), payload)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		js, err := ToJSON(c.Type(), payload)
		generictest.Check(t, v, nil, js, err)
	}
}

func TestToValue_Kinds(t *testing.T) {
	c := imageCodec(t)
	v, err := ToValue(c.Type(), encode(t, c, testcapnp.BuildImage(2, 1)))
	if err != nil {
		t.Fatal(err)
	}
	m := v.(map[string]any)
	if !bytes.Equal(m["data"].([]byte), []byte{0, 1, 2, 3, 4, 5}) || m["width"] != int64(2) || m["format"] != "rgb8" {
		t.Errorf("the value is %v", m)
	}
}
