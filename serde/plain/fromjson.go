package plain

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/shmbus/shmbus/serde"
)

// FromJSON makes a payload from one JSON value by the schema of t alone, for tools. It accepts what ToJSON makes, and arrays of uint8
// also as arrays of numbers. Fields that are absent are zero; an unknown member, an array of another length, a number that does not
// fit and a payload of more than 256 MiB are errors. It returns serde.ErrUndecodable as ToJSON does.
func FromJSON(t serde.Type, js []byte) ([]byte, error) {
	s, err := ParseSchema(t)
	if err != nil {
		return nil, err
	}
	return s.FromJSON(js)
}

// FromJSON is as the function of that name.
func (s *Schema) FromJSON(js []byte) ([]byte, error) {
	out, err := s.s.fromJSON(js)
	if err != nil {
		return nil, fmt.Errorf("make a payload of encoding %q from JSON: %w", s.t.Encoding, err)
	}
	return out, nil
}

func (s *schema) fromJSON(js []byte) ([]byte, error) {
	dec := json.NewDecoder(bytes.NewReader(js))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("bytes follow the value")
	}
	r := jsonReader{s.order}
	if s.elem != nil {
		return r.slice(s, v)
	}
	if s.header.size > maxJSON {
		return nil, errTooLong
	}
	out := make([]byte, s.header.size)
	return out, r.value(s.header, out, v, "")
}

// A jsonReader writes JSON values into payloads, which are zero before.
type jsonReader struct{ order byteOrder }

func (r jsonReader) slice(s *schema, v any) ([]byte, error) {
	members, ok := v.(map[string]any)
	if !ok {
		return nil, errors.New("it is not an object with the member Items")
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if name != "Items" && (name != "Header" || s.header.size == 0) {
			return nil, fmt.Errorf("unknown member %q", name)
		}
	}
	items, n := members["Items"], 0
	if items != nil {
		var err error
		if n, err = length(s.elem, items); err != nil {
			return nil, fmt.Errorf(".Items: %w", err)
		}
	}
	first := elementsOffset(s.header)
	if s.header.size > maxJSON-headerOffset-maxAlign || n > (maxJSON-first)/s.elem.size {
		return nil, errTooLong
	}
	out := make([]byte, first+n*s.elem.size)
	s.order.put(out[:headerOffset], uint64(n))
	if header, ok := members["Header"]; ok {
		if err := r.value(s.header, out[headerOffset:][:s.header.size], header, ".Header"); err != nil {
			return nil, err
		}
	}
	if n == 0 {
		return out, nil
	}
	return out, r.values(s.elem, out[first:], n, items, ".Items")
}

// length is the number of elements that v, a string or array, has.
func length(elem *layout, v any) (int, error) {
	switch v := v.(type) {
	case []any:
		return len(v), nil
	case string:
		if elem.kind == "uint8" && !elem.enum {
			b, err := base64.StdEncoding.DecodeString(v)
			return len(b), err
		}
	}
	return 0, errors.New("it is not an array")
}

// value writes v to b. The part of the value is named for the error.
func (r jsonReader) value(l *layout, b []byte, v any, part string) (err error) {
	switch l.kind {
	case kindStruct:
		return r.structure(l, b, v, part)
	case kindArray:
		n, err := length(l.elem, v)
		switch {
		case err != nil:
			return fmt.Errorf("%s: %w", place(part), err)
		case n != l.length:
			return fmt.Errorf("%s: it has %d elements, not %d", place(part), n, l.length)
		}
		return r.values(l.elem, b, n, v, part)
	case kindBool:
		set, ok := v.(bool)
		if !ok {
			return fmt.Errorf("%s: it is not true or false", place(part))
		}
		if set {
			b[0] = 1
		}
		return nil
	}
	bits, err := l.number(v)
	if err != nil {
		return fmt.Errorf("%s: %w", place(part), err)
	}
	r.order.put(b, bits)
	return nil
}

// place is the name of a part for an error.
func place(part string) string { return cmp.Or(part, "the value") }

func (r jsonReader) structure(l *layout, b []byte, v any, part string) error {
	members, ok := v.(map[string]any)
	if !ok {
		return fmt.Errorf("%s: it is not an object", place(part))
	}
	known := 0
	for _, f := range l.fields {
		member, ok := members[f.name]
		if f.padding() || !ok {
			continue
		}
		known++
		if err := r.value(f.layout, b[f.offset:][:f.layout.size], member, part+"."+f.name); err != nil {
			return err
		}
	}
	if known == len(members) {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if name == "_" || !slices.ContainsFunc(l.fields, func(f field) bool { return f.name == name }) {
			return fmt.Errorf("%s: unknown member %q", place(part), name)
		}
	}
	return nil
}

// values writes the n elements of v, a string or array.
func (r jsonReader) values(elem *layout, b []byte, n int, v any, part string) error {
	list, ok := v.([]any)
	if !ok {
		decoded, err := base64.StdEncoding.DecodeString(v.(string))
		copy(b, decoded)
		return err
	}
	for i := range n {
		if err := r.value(elem, b[i*elem.size:][:elem.size], list[i], fmt.Sprintf("%s[%d]", part, i)); err != nil {
			return err
		}
	}
	return nil
}

// number returns the bits of a number.
func (l *layout) number(v any) (uint64, error) {
	text := ""
	switch v := v.(type) {
	case json.Number:
		text = string(v)
	case string: // strconv reads the names of what JSON lacks
		if strings.HasPrefix(l.kind, "float") && slices.Contains([]string{"NaN", "Infinity", "-Infinity"}, v) {
			text = v
		}
	}
	if text == "" {
		return 0, errors.New("it is not a number")
	}
	bits, err := l.parse(text)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return 0, fmt.Errorf("%s does not fit %s", text, l.kind)
	case err != nil:
		return 0, fmt.Errorf("%q is no %s", text, l.kind)
	case l.enum && bits > l.max:
		return 0, errors.New(l.notEnum(bits))
	}
	return bits, nil
}

func (l *layout) parse(text string) (uint64, error) {
	size := 8 * l.size
	switch {
	case l.kind == "float32":
		f, err := strconv.ParseFloat(text, size)
		return uint64(math.Float32bits(float32(f))), err
	case l.kind == "float64":
		f, err := strconv.ParseFloat(text, size)
		return math.Float64bits(f), err
	case strings.HasPrefix(l.kind, "int"):
		n, err := strconv.ParseInt(text, 10, size)
		return uint64(n) & (1<<size - 1), err
	}
	return strconv.ParseUint(text, 10, size)
}
