package flatbuffers

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

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

func TestToValue_Unions(t *testing.T) {
	s := must(ParseSchema(unionsType(t)))
	payload := must(s.FromJSON([]byte(`{"one_type":"text","one":"x","many_type":["text","Pair"],"many":["a",{"b":-1}]}`)))
	want := map[string]any{
		"one_type": "text", "one": "x",
		"many_type": []any{"text", "Pair"}, "many": []any{"a", map[string]any{"a": int64(0), "b": int64(-1)}},
	}
	got, err := s.ToValue(payload)
	if d := cmp.Diff(any(want), got); d != "" || err != nil {
		t.Error(d, err)
	}
}

func TestToValue_DefaultValues(t *testing.T) {
	typ := with("12},\"id\":1,\"offset\":6,\"default_real\":0.5", "11},\"id\":1,\"offset\":6,\"default_real\":0.1").typ(t)
	v, err := ToValue(typ, must(FromJSON(typ, []byte(`{}`))))
	want := map[string]any{"x": float64(float32(0.1)), "any_type": "NONE"}
	if d := cmp.Diff(any(want), v); d != "" || err != nil {
		t.Error(d, err)
	}
}

// A schema may give the numbers of an enum a name of many kilobytes.
func TestToValue_LongNames(t *testing.T) {
	p := more(`{"name":"e","type":{"base_type":14,"element":3,"index":1},"id":5,"offset":14}`)
	p.value = strings.Repeat("X", 1<<17)
	s := must(ParseSchema(p.typ(t)))
	payload := must(s.FromJSON([]byte(`{"e":[` + strings.Repeat("1,", 9999) + `1]}`)))
	before := allocated()
	if _, err := s.ToValue(payload); err == nil || !strings.Contains(err.Error(), "too much memory") {
		t.Error(err)
	}
	if used := allocated() - before; used > 1<<25 {
		t.Errorf("%d bytes allocated", used)
	}
	if _, err := s.ToJSON(payload); !errors.Is(err, errJSONTooLong) {
		t.Error(err)
	}
}

func TestToValue_SharedTables(t *testing.T) {
	s := nodeSchema(t)
	if _, err := s.ToValue(shared(60, 2)); !errors.Is(err, errSteps) || !isBad(err) {
		t.Error(err)
	}
	if _, err := s.ToValue(shared(3, 100)); err == nil || !strings.Contains(err.Error(), "too much memory") || !isBad(err) {
		t.Error(err)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
