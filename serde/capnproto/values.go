package capnproto

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
)

// number converts a value of a document to the bits of a value in the data of a struct.
func number(t *typ, v any) (uint64, error) {
	bits := t.kind.bits()
	switch t.kind {
	case kindVoid:
		if v != nil {
			return 0, fmt.Errorf("null is needed, not %s", describe(v))
		}
		return 0, nil
	case kindBool:
		switch v {
		case true:
			return 1, nil
		case false:
			return 0, nil
		}
		return 0, fmt.Errorf("a bool is needed, not %s", describe(v))
	case kindFloat32:
		x, err := floating(v, bits)
		return uint64(math.Float32bits(float32(x))), err
	case kindFloat64:
		x, err := floating(v, bits)
		return math.Float64bits(x), err
	case kindEnum:
		if name, ok := v.(string); ok {
			if i := slices.Index(t.node.names, name); i >= 0 {
				return uint64(i), nil
			}
			return 0, fmt.Errorf("%s has no value %q", clip(t.node.name), short(name))
		}
	}
	digits := ""
	switch v := v.(type) {
	case json.Number:
		digits = string(v)
	case string: // as other tools write integers of 64 bits
		if digits = v; bits < 64 {
			return 0, fmt.Errorf("a whole number is needed, not %s", describe(v))
		}
	default:
		return 0, fmt.Errorf("a whole number is needed, not %s", describe(v))
	}
	if t.kind.signed() {
		i, err := strconv.ParseInt(digits, 10, bits)
		if err != nil {
			return 0, fmt.Errorf("%s is no whole number of %d bits", short(digits), bits)
		}
		return uint64(i) & (1<<(bits-1)<<1 - 1), nil
	}
	u, err := strconv.ParseUint(digits, 10, bits)
	if err != nil {
		return 0, fmt.Errorf("%s is no whole number of %d bits without sign", short(digits), bits)
	}
	return u, nil
}

func floating(v any, bits int) (float64, error) {
	switch n := v.(type) {
	case json.Number:
		x, err := strconv.ParseFloat(string(n), bits)
		if err != nil {
			return 0, fmt.Errorf("%s is no number of %d bits", short(string(n)), bits)
		}
		return x, nil
	case string:
		switch n {
		case "NaN":
			return math.NaN(), nil
		case "Infinity":
			return math.Inf(1), nil
		case "-Infinity":
			return math.Inf(-1), nil
		}
	}
	return 0, fmt.Errorf("a number is needed, not %s", describe(v))
}

// dataValue is the content of a Data: base64 as ToJSON writes it, or an array of numbers as other tools write it.
func dataValue(v any) ([]byte, error) {
	switch v := v.(type) {
	case string:
		return base64.StdEncoding.DecodeString(v)
	case []any:
		b := make([]byte, len(v))
		for i := range v {
			bits, err := number(&typ{kind: kindUint8}, v[i])
			if err != nil {
				return nil, err
			}
			b[i] = byte(bits)
		}
		return b, nil
	}
	return nil, fmt.Errorf("text in base64 is needed, not %s", describe(v))
}

// describe says what a value of a document is.
func describe(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return strconv.FormatBool(v)
	case json.Number:
		return "number " + short(string(v))
	case string:
		return strconv.Quote(short(v))
	case []any:
		return "an array"
	}
	return "an object"
}

// short cuts text for an error.
func short(s string) string {
	if len(s) > 40 {
		return s[:40] + "..."
	}
	return s
}

var errNull = errors.New("an element of a list is null")
