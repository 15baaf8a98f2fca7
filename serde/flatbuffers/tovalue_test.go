package flatbuffers

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/shmbus/shmbus/internal/testfb"
)

func TestToValue_SameAsJSON(t *testing.T) {
	every, err := FromJSON(everyType(t), []byte(everyJSON))
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		schema  *Schema
		payload []byte
	}{
		"every kind": {must(ParseSchema(everyType(t))), every},
		"pose":       {must(ParseSchema(testType("Pose"))), packed(t, "Pose", testfb.NewPose().Pack)},
		"image":      {must(ParseSchema(testType("Image"))), packed(t, "Image", testfb.NewImage(3, 2).Pack)},
		"cloud":      {must(ParseSchema(testType("PointCloud"))), packed(t, "PointCloud", testfb.NewPointCloud(3).Pack)},
		"node":       {nodeSchema(t), packed(t, "Node", testfb.NewNode().Pack)},
	} {
		if !sameValue(t, tc.schema, tc.payload) {
			t.Errorf("%s is not shown", name)
		}
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

// sameValue compares the generic value with the JSON, if the payload has one.
func sameValue(t *testing.T, s *Schema, payload []byte) bool {
	t.Helper()
	js, err := s.ToJSON(payload)
	v, errValue := s.ToValue(payload)
	if err != nil || errValue != nil {
		if (err == nil) != (errValue == nil) && len(payload) < 1000 {
			t.Errorf("ToJSON: %v, ToValue: %v", err, errValue)
		}
		return false
	}
	var want any
	d := json.NewDecoder(bytes.NewReader(js))
	d.UseNumber()
	if err := d.Decode(&want); err != nil {
		t.Fatal(err)
	}
	if got := plainForm(v); !reflect.DeepEqual(got, plainForm(want)) {
		t.Errorf("the value is %v, the JSON %s", got, js)
	}
	return true
}

// plainForm makes numbers floats or texts, and bytes lists, so that a value can be compared with its JSON.
func plainForm(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key := range v {
			v[key] = plainForm(v[key])
		}
		return v
	case []any:
		for i := range v {
			v[i] = plainForm(v[i])
		}
		return v
	case []byte:
		list := []any{}
		for _, b := range v {
			list = append(list, float64(b))
		}
		return list
	case json.Number:
		if n, err := strconv.ParseInt(v.String(), 10, 64); err == nil {
			return plainForm(n)
		}
		if n, err := strconv.ParseUint(v.String(), 10, 64); err == nil {
			return plainForm(n)
		}
		f, err := v.Float64()
		if err != nil {
			return v.String()
		}
		return plainForm(f)
	case int64:
		if float64(v) < 1<<53 && float64(v) > -1<<53 {
			return float64(float32(v))
		}
		return fmt.Sprint(v)
	case uint64:
		return fmt.Sprint(v)
	case float64:
		if math.Abs(v) >= 1<<53 && v == math.Trunc(v) && math.Abs(v) < 1<<64 { // its JSON may be whole
			return fmt.Sprintf("%.0f", v)
		}
		if math.IsInf(v, 0) || math.IsNaN(v) {
			return strings.TrimPrefix(strings.Replace(fmt.Sprint(v), "Inf", "Infinity", 1), "+")
		}
		return float64(float32(v)) // the JSON of a float has the digits of a float
	}
	return v
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
