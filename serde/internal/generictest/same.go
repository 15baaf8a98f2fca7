// Package generictest compares generic values with JSON, for the tests of encodings.
package generictest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
)

// Check compares a generic value with the JSON of the same payload. Both may be errors, errValue and errJSON.
func Check(t testing.TB, v any, errValue error, js []byte, errJSON error) {
	t.Helper()
	if errValue != nil || errJSON != nil {
		if (errValue == nil) != (errJSON == nil) {
			t.Errorf("ToValue: %v, ToJSON: %v", errValue, errJSON)
		}
		return
	}
	var want any
	d := json.NewDecoder(bytes.NewReader(js))
	d.UseNumber()
	if err := d.Decode(&want); err != nil {
		t.Fatal(err)
	}
	if !same(v, want) {
		t.Errorf("the value is %v, the JSON %s", v, js)
	}
}

// same compares a value with parsed JSON. In JSON bytes are an array of numbers or base64, and infinities and NaN are text.
func same(v, js any) bool {
	switch v := v.(type) {
	case map[string]any:
		object, ok := js.(map[string]any)
		if !ok || len(object) != len(v) {
			return false
		}
		for key := range v {
			if inner, ok := object[key]; !ok || !same(v[key], inner) {
				return false
			}
		}
		return true
	case []any:
		array, ok := js.([]any)
		if !ok || len(array) != len(v) {
			return false
		}
		for i := range v {
			if !same(v[i], array[i]) {
				return false
			}
		}
		return true
	case []byte:
		if text, ok := js.(string); ok {
			return text == base64.StdEncoding.EncodeToString(v)
		}
		list := make([]any, len(v))
		for i := range v {
			list[i] = int64(v[i])
		}
		return same(list, js)
	case float64:
		if math.IsInf(v, 0) || math.IsNaN(v) {
			return js == strings.TrimPrefix(strings.Replace(fmt.Sprint(v), "Inf", "Infinity", 1), "+")
		}
		number, ok := js.(json.Number)
		f, err := number.Float64()
		return ok && err == nil && (f == v || float32(f) == float32(v)) // JSON of a float32 has the digits of that
	case int64, uint64:
		return js == json.Number(fmt.Sprint(v))
	}
	return v == js
}
