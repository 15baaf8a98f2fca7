package capnproto

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/shmbus/shmbus/serde/internal/jsontext"
)

// number converts a value of a document to the bits of a value in the data of a struct.
func number(t *typ, v any) (uint64, error) {
	bits := t.kind.bits()
	switch t.kind {
	case kindVoid:
		if v != nil {
			return 0, fmt.Errorf("null is needed, not %s", jsontext.Describe(v))
		}
		return 0, nil
	case kindBool:
		switch v {
		case true:
			return 1, nil
		case false:
			return 0, nil
		}
		return 0, fmt.Errorf("a bool is needed, not %s", jsontext.Describe(v))
	case kindFloat32:
		x, err := jsontext.Float(v, bits)
		return uint64(math.Float32bits(float32(x))), err
	case kindFloat64:
		x, err := jsontext.Float(v, bits)
		return math.Float64bits(x), err
	case kindEnum:
		if name, ok := v.(string); ok {
			if i := slices.Index(t.node.names, name); i >= 0 {
				return uint64(i), nil
			}
			return 0, fmt.Errorf("%s has no value %q", clip(t.node.name), jsontext.Short(name))
		}
	}
	digits := ""
	switch v := v.(type) {
	case json.Number:
		digits = string(v)
	case string: // as other tools write integers of 64 bits
		if digits = v; bits < 64 {
			return 0, fmt.Errorf("a whole number is needed, not %s", jsontext.Describe(v))
		}
	default:
		return 0, fmt.Errorf("a whole number is needed, not %s", jsontext.Describe(v))
	}
	return jsontext.Whole(digits, bits, t.kind.signed())
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
	return nil, fmt.Errorf("text in base64 is needed, not %s", jsontext.Describe(v))
}

var errNull = errors.New("an element of a list is null")
