// Package fields compares decoded messages field by field, with tolerances for numbers.
package fields

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"math/big"
	"slices"
	"strings"
)

// A Tolerance says by how much numbers may differ.
type Tolerance struct {
	Field    string  // such as pose.x, in arrays the field of all elements; "" = all fields
	Absolute float64 // largest difference; +Inf = the field is not compared
}

// Compare compares two messages as JSON and describes the first difference, "" if there is none. The first tolerance that names a field
// applies to it and to the fields in it; numbers of other fields must be the same.
func Compare(a, b []byte, tolerances []Tolerance) (difference string, err error) {
	x, err := decode(a)
	if err != nil {
		return "", err
	}
	y, err := decode(b)
	if err != nil {
		return "", err
	}
	c := comparison{tolerances}
	return c.values("", "", x, y), nil
}

func decode(js []byte) (v any, err error) {
	d := json.NewDecoder(bytes.NewReader(js))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("%.100q is not JSON: %w", js, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%.100q is not JSON: more follows after the value", js)
	}
	return v, nil
}

type comparison struct{ tolerances []Tolerance }

// tolerance returns the largest difference of a field.
func (c *comparison) tolerance(field string) float64 {
	for _, t := range c.tolerances {
		if t.Field == "" || t.Field == field || strings.HasPrefix(field, t.Field+".") {
			return t.Absolute
		}
	}
	return 0
}

// values compares two values. path names them; field is the path without indexes.
func (c *comparison) values(path, field string, a, b any) string {
	limit := c.tolerance(field)
	if math.IsInf(limit, 1) {
		return ""
	}
	switch x := a.(type) {
	case map[string]any:
		if y, ok := b.(map[string]any); ok {
			return c.objects(path, field, x, y)
		}
	case []any:
		if y, ok := b.([]any); ok {
			if len(x) != len(y) {
				return fmt.Sprintf("%s has %d elements, and %d", name(path), len(x), len(y))
			}
			for i := range x {
				if d := c.values(fmt.Sprintf("%s[%d]", path, i), field, x[i], y[i]); d != "" {
					return d
				}
			}
			return ""
		}
	case json.Number:
		if y, ok := b.(json.Number); ok {
			if x == y || near(x, y, limit) {
				return ""
			}
			if limit > 0 {
				return fmt.Sprintf("%s is %.40s, and %.40s, which differ by more than %v", name(path), x, y, limit)
			}
		}
	default:
		if a == b { // text, a truth value or null
			return ""
		}
	}
	return fmt.Sprintf("%s is %s, and %s", name(path), short(a), short(b))
}

func (c *comparison) objects(path, field string, a, b map[string]any) string {
	all := maps.Clone(a)
	maps.Copy(all, b)
	for _, k := range slices.Sorted(maps.Keys(all)) {
		in, inField := join(path, k), join(field, k)
		x, isInA := a[k]
		y, isInB := b[k]
		if isInA != isInB {
			if math.IsInf(c.tolerance(inField), 1) {
				continue
			}
			return fmt.Sprintf("only one message has %s", name(in))
		}
		if d := c.values(in, inField, x, y); d != "" {
			return d
		}
	}
	return ""
}

// near reports whether two numbers differ by at most limit. The texts of equal numbers may differ, such as 1 and 1.0.
func near(a, b json.Number, limit float64) bool {
	x, xerr := a.Float64()
	y, yerr := b.Float64()
	if xerr != nil || yerr != nil {
		return false
	}
	if !(limit > 0) {
		limit = 0
	}
	if max(math.Abs(x), math.Abs(y)) < 1<<53 {
		return math.Abs(x-y) <= limit
	}
	// Different whole numbers have the same float64 from there on.
	bits := uint(4*max(len(a), len(b)) + 64)
	p, _, perr := big.ParseFloat(string(a), 10, bits, big.ToNearestEven)
	q, _, qerr := big.ParseFloat(string(b), 10, bits, big.ToNearestEven)
	if perr != nil || qerr != nil {
		return false
	}
	return p.Abs(p.Sub(p, q)).Cmp(big.NewFloat(limit)) <= 0
}

func join(path, k string) string {
	if path == "" {
		return k
	}
	return path + "." + k
}

func name(path string) string {
	if path == "" {
		return "the value"
	}
	return fmt.Sprintf("%.200q", path)
}

func short(v any) string {
	js, err := json.Marshal(v)
	if err != nil || len(js) > 80 {
		return fmt.Sprintf("%.80s…", js)
	}
	return string(js)
}
