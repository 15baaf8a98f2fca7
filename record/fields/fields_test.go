package fields

import (
	"math"
	"strings"
	"testing"
)

func TestCompare(t *testing.T) {
	within := func(field string, d float64) []Tolerance { return []Tolerance{{field, d}} }
	for name, c := range map[string]struct {
		a, b       string
		tolerances []Tolerance
		want       string
	}{
		"the same":            {`{"a":1,"b":[true,null,"x"]}`, `{"b":[true,null,"x"],"a":1.0}`, nil, ""},
		"a number":            {`{"a":{"b":1}}`, `{"a":{"b":2}}`, nil, `"a.b" is 1, and 2`},
		"within":              {`{"a":{"b":1}}`, `{"a":{"b":1.5}}`, within("a.b", 0.5), ""},
		"within, above":       {`{"a":{"b":1}}`, `{"a":{"b":1.5}}`, within("a", 0.5), ""},
		"within, everywhere":  {`{"a":[{"b":1}]}`, `{"a":[{"b":1.5}]}`, within("", 0.5), ""},
		"within, in an array": {`{"a":[{"b":1}]}`, `{"a":[{"b":1.5}]}`, within("a.b", 0.5), ""},
		"beyond":              {`{"a":{"b":1}}`, `{"a":{"b":1.6}}`, within("a.b", 0.5), `"a.b" is 1, and 1.6, which differ by more than 0.5`},
		"another field":       {`{"a":1,"ab":2}`, `{"a":1,"ab":3}`, within("a", 5), `"ab" is 2, and 3`},
		"not compared":        {`{"a":1,"b":{"c":"x"}}`, `{"a":1,"b":null}`, within("b", math.Inf(1)), ""},
		"missing, ignored":    {`{"a":1}`, `{"a":1,"b":2}`, within("b", math.Inf(1)), ""},
		"missing":             {`{"a":1}`, `{"a":1,"b":2}`, nil, `only one message has "b"`},
		"length":              {`{"a":[1]}`, `{"a":[1,2]}`, within("a", 5), `"a" has 1 elements, and 2`},
		"text":                {`"x"`, `"y"`, within("", 5), `the value is "x", and "y"`},
		"kind":                {`{"a":"1"}`, `{"a":1}`, within("", 5), `"a" is "1", and 1`},
		"large whole numbers": {`9007199254740993`, `9007199254740992`, nil, "the value is 9007199254740993, and 9007199254740992"},
		"ids within":          {`{"id":9007199254740993}`, `{"id":9007199254740992}`, within("", 1e-6), `"id" is 9007199254740993, and 9007199254740992, which differ by more than 1e-06`},
		"times within":        {`1700000000000000001`, `1700000000000000100`, within("", 99), ""},
		"times beyond":        {`1700000000000000001`, `1700000000000000101`, within("", 99), "the value is 1700000000000000001"},
		"of another form":     {`1700000000000000001`, `1.700000000000000001e18`, nil, ""},
		"large and small":     {`9007199254740993`, `1`, within("", 9007199254740991), "the value is 9007199254740993"},
		"no limit":            {`{"a":1}`, `{"a":9007199254740993}`, within("", math.NaN()), `"a" is 1, and 9007199254740993`},
		"long numbers":        {"1" + strings.Repeat("0", 300), "1" + strings.Repeat("0", 299) + "1", within("", 0.5), "the value is 1"},
		"expanding, within":   {`1e999999999`, `1e99999999`, within("", 5), "the value is 1e999999999"},
		"expanding number":    {`1e999999999`, `1e99999999`, nil, "the value is 1e999999999"},
	} {
		got, err := Compare([]byte(c.a), []byte(c.b), c.tolerances)
		if err != nil || got != c.want && (c.want == "" || !strings.HasPrefix(got, c.want)) {
			t.Errorf("%s: %q, %v; want %q", name, got, err, c.want)
		}
	}
	for _, js := range []string{"{", "", "{} {}", "{}, x", "{}]"} {
		if _, err := Compare([]byte(js), []byte("{}"), nil); err == nil {
			t.Errorf("%q: no JSON, and no error", js)
		}
	}
	if d, err := Compare([]byte("{}\n "), []byte("{}"), nil); d != "" || err != nil {
		t.Errorf("space after a value: %q, %v", d, err)
	}
}
