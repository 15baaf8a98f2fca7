package record

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/shmbus/shmbus/record/fields"
	"github.com/shmbus/shmbus/serde"
)

func TestCompareWithin_Fields(t *testing.T) {
	asIs := func(_ serde.Type, payload []byte) ([]byte, error) { return payload, nil }
	a := file(t, spec{0, 1, 0, `{"x":1.0,"at":5}`}, spec{1, 2, 0, `{"x":2}`}, spec{0, 3, 0, `{"x":3,"at":6}`})
	b := file(t, spec{1, 1, 0, `{"x":2}`}, spec{0, 2, 0, `{"x":1.1,"at":7}`}, spec{0, 3, 0, `{"x":3.05,"at":8}`})
	for name, c := range map[string]struct {
		tolerances []fields.Tolerance
		want       string
	}{
		"none":     {nil, `topic "a": message 1 differs: "at" is 5, and 7`},
		"too few":  {[]fields.Tolerance{{Field: "at", Absolute: math.Inf(1)}}, `topic "a": message 1 differs: "x" is 1.0, and 1.1`},
		"small":    {[]fields.Tolerance{{Field: "at", Absolute: 2}, {Field: "x", Absolute: 0.06}}, `topic "a": message 1 differs: "x" is 1.0, and 1.1, which differ by more than 0.06`},
		"large":    {[]fields.Tolerance{{Field: "at", Absolute: 2}, {Field: "x", Absolute: 0.2}}, `message 1 of the first recording, on "a", comes before one on "b"`},
		"for each": {[]fields.Tolerance{{Absolute: 2}}, `message 1 of the first recording`},
	} {
		d, err := CompareWithin(a, b, &CompareOptions{Decode: asIs, Tolerances: c.tolerances, Memory: 64 << 20})
		if err != nil || d.Equal || !strings.HasPrefix(d.First, c.want) {
			t.Errorf("%s: %q, %v; want %q", name, d.First, err, c.want)
		}
	}
	d, err := CompareWithin(a, a, &CompareOptions{Decode: asIs})
	if err != nil || !d.Equal || d.Topics[0].ABytes != 30 || d.Topics[0].BBytes != 30 {
		t.Errorf("%+v, %v", d, err)
	}
	d, err = CompareWithin(a, b, &CompareOptions{Decode: func(serde.Type, []byte) ([]byte, error) { return nil, fmt.Errorf("no schema") }})
	if err != nil || !strings.Contains(d.First, "cannot be decoded: no schema") || d.Topics[0].First == "" {
		t.Errorf("%+v, %v", d, err)
	}
}

func TestCompareWithin_MemoryLimit(t *testing.T) {
	var many []spec
	for i := range 200_000 {
		many = append(many, spec{0, uint64(i), 0, "x"})
	}
	a := file(t, many...)
	if _, err := CompareWithin(a, a, &CompareOptions{Memory: 44 << 20}); err == nil || !strings.Contains(err.Error(), "allow more (--memory)") {
		t.Errorf("got %v", err)
	}
	if d, err := CompareWithin(a, a, &CompareOptions{Memory: 64 << 20}); err != nil || !d.Equal {
		t.Errorf("%+v, %v", d, err)
	}
}
