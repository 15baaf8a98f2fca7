package cdr

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"iter"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/shmbus/shmbus/serde/internal/jsontext"
)

// parseValue parses a constant or a default value, and checks that it fits the type.
func (f *field) parseValue(text string) (any, error) {
	if f.shape == single {
		return f.parseOne(text)
	}
	inner, opened := strings.CutPrefix(text, "[")
	inner, closed := strings.CutSuffix(inner, "]")
	if !opened || !closed {
		return nil, fmt.Errorf("value %q of %s is not in brackets", jsontext.Short(text), f.name)
	}
	values := []any{}
	for part := range splitValues(inner) {
		v, err := f.parseOne(part)
		if err != nil {
			return nil, err
		}
		values = append(values, v)
	}
	if f.shape == fixed && len(values) != f.count || f.shape == sequence && f.count != unbounded && len(values) > f.count {
		return nil, fmt.Errorf("%s has %d values, type %s", f.name, len(values), f.typ)
	}
	return values, nil
}

// splitValues splits at commas outside of quotes.
func splitValues(text string) iter.Seq[string] {
	return func(yield func(string) bool) {
		start, quote := 0, byte(0)
		for i := 0; i < len(text); i++ {
			switch c := text[i]; {
			case quote != 0 && c == '\\':
				i++
			case quote != 0 && c == quote:
				quote = 0
			case quote == 0 && (c == '"' || c == '\''):
				quote = c
			case quote == 0 && c == ',':
				if !yield(strings.TrimSpace(text[start:i])) {
					return
				}
				start = i + 1
			}
		}
		if last := strings.TrimSpace(text[start:]); last != "" {
			yield(last)
		}
	}
}

func (f *field) parseOne(text string) (any, error) {
	var v any
	switch f.kind {
	case kindString, kindWideString:
		v = unquoted(text)
	case kindBool:
		switch strings.ToLower(text) {
		case "true", "1":
			v = true
		case "false", "0":
			v = false
		default:
			return nil, fmt.Errorf("value %q of %s is no bool", jsontext.Short(text), f.name)
		}
	case kindFloat32, kindFloat64:
		v = json.Number(strings.TrimPrefix(text, "+"))
	default:
		n, err := integer(text)
		if err != nil {
			return nil, fmt.Errorf("value %q of %s is no %s", jsontext.Short(text), f.name, f.typ)
		}
		v = json.Number(n)
	}
	w := jsonWriter{limit: MaxSchema}
	if err := w.value(f.element(), v); err != nil {
		return nil, fmt.Errorf("value %q of %s is no %s: %w", jsontext.Short(text), f.name, f.typ, err.Err)
	}
	return v, nil
}

// integer is a number as decimal digits. It may be given as hexadecimal, octal or binary number.
func integer(text string) (string, error) {
	if n, err := strconv.ParseInt(text, 0, 64); err == nil {
		return strconv.FormatInt(n, 10), nil
	}
	n, err := strconv.ParseUint(text, 0, 64)
	return strconv.FormatUint(n, 10), err
}

// unquoted is a text without its quotes, if it has any.
func unquoted(text string) string {
	if len(text) < 2 || text[0] != text[len(text)-1] || text[0] != '"' && text[0] != '\'' {
		return text
	}
	var out []byte
	for inner := text[1 : len(text)-1]; inner != ""; inner = inner[1:] {
		if inner[0] == '\\' && len(inner) > 1 {
			inner = inner[1:]
		}
		out = append(out, inner[0])
	}
	return string(out)
}

// number converts a number of a document to the bits of a value of the given kind.
func number(k kind, v any) (uint64, error) {
	if k == kindBool {
		if b, ok := v.(bool); ok {
			if b {
				return 1, nil
			}
			return 0, nil
		}
		return 0, fmt.Errorf("a bool is needed, not %s", jsontext.Describe(v))
	}
	bits := 8 * k.width()
	if k == kindFloat32 || k == kindFloat64 {
		x, err := jsontext.Float(v, bits)
		if bits == 32 {
			return uint64(math.Float32bits(float32(x))), err
		}
		return math.Float64bits(x), err
	}
	n, ok := v.(json.Number)
	if !ok {
		return 0, fmt.Errorf("a whole number is needed, not %s", jsontext.Describe(v))
	}
	return jsontext.Whole(string(n), bits, slices.Contains([]kind{kindInt8, kindInt16, kindInt32, kindInt64}, k))
}

// byteValues are the bytes of an array of uint8: base64 as ToJSON writes them.
func byteValues(v any) ([]byte, bool, error) {
	text, ok := v.(string)
	if !ok {
		return nil, false, nil
	}
	b, err := base64.StdEncoding.DecodeString(text)
	return b, true, err
}
