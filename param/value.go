package param

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
)

// Type are the types of parameters.
type Type interface {
	bool | int64 | float64 | string | []byte | []bool | []int64 | []float64 | []string
}

// A Kind names a type.
type Kind uint8

// Kinds of values.
const (
	Bool Kind = 1 + iota
	Int64
	Float64
	String
	Bytes
	Bools
	Int64s
	Float64s
	Strings
)

var kindNames = [...]string{
	Bool: "bool", Int64: "int64", Float64: "float64", String: "string", Bytes: "bytes",
	Bools: "bool list", Int64s: "int64 list", Float64s: "float64 list", Strings: "string list",
}

func (k Kind) String() string {
	if int(k) < len(kindNames) && kindNames[k] != "" {
		return kindNames[k]
	}
	return fmt.Sprintf("Kind(%d)", uint8(k))
}

// A Value is a value of one of the types. The zero Value has none. It is immutable: lists are copied in and out.
type Value struct{ v any }

// Of returns the Value of v.
func Of[T Type](v T) Value { return Value{clone(any(v))} }

// As returns the value if it has the type T.
func As[T Type](v Value) (T, error) {
	t, ok := v.v.(T)
	if !ok {
		return t, fmt.Errorf("%w: the value is of type %v, not %v", ErrType, v.Kind(), kindOf(any(t)))
	}
	return clone(v.v).(T), nil
}

func clone(v any) any {
	switch v := v.(type) {
	case []byte:
		return slices.Clone(v)
	case []bool:
		return slices.Clone(v)
	case []int64:
		return slices.Clone(v)
	case []float64:
		return slices.Clone(v)
	case []string:
		return slices.Clone(v)
	}
	return v
}

// Kind returns the kind of the value, 0 without one.
func (v Value) Kind() Kind { return kindOf(v.v) }

func kindOf(v any) Kind {
	switch v.(type) {
	case bool:
		return Bool
	case int64:
		return Int64
	case float64:
		return Float64
	case string:
		return String
	case []byte:
		return Bytes
	case []bool:
		return Bools
	case []int64:
		return Int64s
	case []float64:
		return Float64s
	case []string:
		return Strings
	}
	return 0
}

// String returns the value as Parse reads it.
func (v Value) String() string {
	switch t := v.v.(type) {
	case nil:
		return "none"
	case string:
		return t
	case float64:
		return strconv.FormatFloat(t, 'g', -1, 64)
	case []float64:
		texts := []byte("[")
		for i, f := range t {
			if i > 0 {
				texts = append(texts, ',')
			}
			texts = strconv.AppendFloat(texts, f, 'g', -1, 64)
		}
		return string(append(texts, ']'))
	case bool, int64:
		return fmt.Sprint(t)
	case []byte:
		return base64.StdEncoding.EncodeToString(t)
	}
	b, _ := json.Marshal(v.v) // these types can always be encoded
	if string(b) == "null" {
		return "[]" // of a nil slice
	}
	return string(b)
}

// Parse reads a value of a kind: a string as it is, bytes in base64, lists as JSON.
func Parse(k Kind, text string) (v Value, err error) {
	switch k {
	case Bool:
		v.v, err = strconv.ParseBool(text)
	case Int64:
		v.v, err = strconv.ParseInt(text, 0, 64)
	case Float64:
		v.v, err = strconv.ParseFloat(text, 64)
	case String:
		v.v = text
	case Bytes:
		v.v, err = parseJSON[[]byte](strconv.Quote(text))
	case Bools:
		v.v, err = parseList[bool](text)
	case Int64s:
		v.v, err = parseList[int64](text)
	case Float64s:
		v.v, err = parseList[float64](text)
	case Strings:
		v.v, err = parseList[string](text)
	default:
		return Value{}, fmt.Errorf("%w: there is no %v", ErrType, k)
	}
	if err != nil {
		return Value{}, fmt.Errorf("%w: %q is no %v: %w", ErrType, text, k, err)
	}
	return v, nil
}

func parseJSON[T any](text string) (v T, err error) {
	err = json.Unmarshal([]byte(text), &v)
	return v, err
}

// parseList reads a list, of which no part is null: package json would take that for zero.
func parseList[E any](text string) ([]E, error) {
	elements, err := parseJSON[[]*E](text)
	switch {
	case err != nil:
		return nil, err
	case elements == nil:
		return nil, errors.New("null is no list; [] is an empty one")
	}
	list := make([]E, len(elements))
	for i, e := range elements {
		if e == nil {
			return nil, fmt.Errorf("element %d is null", i)
		}
		list[i] = *e
	}
	return list, nil
}
