package param_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/shmbus/shmbus/param"
)

// A null in a list is no zero.
func TestParse_NullInLists(t *testing.T) {
	for _, kind := range []param.Kind{param.Bools, param.Int64s, param.Float64s, param.Strings} {
		for text, want := range map[string]string{"null": "null is no list; [] is an empty one", "[null]": "element 0 is null"} {
			if v, err := param.Parse(kind, text); !errors.Is(err, param.ErrType) || !strings.Contains(err.Error(), want) {
				t.Errorf("%v %s is %v, %v", kind, text, v, err)
			}
		}
		if v, err := param.Parse(kind, "[]"); err != nil || v.String() != "[]" {
			t.Errorf("%v [] is %v, %v", kind, v, err)
		}
	}
	if _, err := param.Parse(param.Float64s, "[1.5,null]"); err == nil || !strings.Contains(err.Error(), `"[1.5,null]" is no float64 list: element 1 is null`) {
		t.Error(err)
	}
}

// A list that is a nil slice is an empty one.
func TestValue_NilSlices(t *testing.T) {
	for want, values := range map[string][]param.Value{
		"":   {param.Of([]byte(nil))},
		"[]": {param.Of([]bool(nil)), param.Of([]int64(nil)), param.Of([]float64(nil)), param.Of([]string(nil))},
	} {
		for _, v := range values {
			again, err := param.Parse(v.Kind(), v.String())
			if v.String() != want || err != nil || again.String() != want {
				t.Errorf("%v is %q, %q, %v", v.Kind(), v, again, err)
			}
		}
	}
}
