package flatbuffers

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"testing"

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
