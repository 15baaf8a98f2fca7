package flatbuffers

import (
	"bytes"
	"testing"

	"github.com/shmbus/shmbus/internal/testfb"
	"github.com/shmbus/shmbus/serde"
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
	every, err := FromJSON(everyType(t), []byte(everyJSON))
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		typ     serde.Type
		payload []byte
	}{
		{everyType(t), every},
		{testType("Pose"), packed(t, "Pose", testfb.NewPose().Pack)},
		{testType("Image"), packed(t, "Image", testfb.NewImage(3, 2).Pack)},
		{testType("PointCloud"), packed(t, "PointCloud", testfb.NewPointCloud(3).Pack)},
		{testType("Node"), packed(t, "Node", testfb.NewNode().Pack)},
	} {
		v, err := ToValue(tc.typ, tc.payload)
		if err != nil {
			t.Errorf("%s: %v", tc.typ.Name, err)
		}
		js, err := ToJSON(tc.typ, tc.payload)
		generictest.Check(t, v, nil, js, err)
	}
}

func TestToValue_Kinds(t *testing.T) {
	v, err := ToValue(testType("Image"), packed(t, "Image", testfb.NewImage(2, 1).Pack))
	if err != nil {
		t.Fatal(err)
	}
	m := v.(map[string]any)
	if !bytes.Equal(m["data"].([]byte), []byte{0, 1, 2, 3, 4, 5}) || m["width"] != int64(2) || m["format"] != "RGB8" {
		t.Errorf("the value is %v", m)
	}
}
