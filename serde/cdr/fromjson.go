package cdr

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"unicode/utf16"

	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/serde/internal/jsontext"
)

const maxFromJSON = 64 << 20

// FromJSON makes a payload from a JSON document by the schema alone, for tools. It is the inverse of ToJSON, and accepts an array of
// numbers for an array of bytes too. A field that is missing gets its default value, or else zero, an empty string or an empty
// sequence. A field that the schema lacks is an error, and so is a number that does not fit. The payload has at most 64 MiB more than
// the document.
func FromJSON(t serde.Type, doc []byte) ([]byte, error) {
	s, err := ParseSchema(t)
	if err != nil {
		return nil, err
	}
	return s.FromJSON(doc)
}

// FromJSON is as the function of that name.
func (s *Schema) FromJSON(doc []byte) ([]byte, error) {
	v, err := parseDocument(doc)
	if err == nil && v == nil {
		err = fmt.Errorf("%s is an object, not null", s.s.root.name)
	}
	if err == nil {
		w := jsonWriter{out: []byte{0, cdrLittle, 0, 0}, limit: len(doc) + maxFromJSON}
		if fe := w.message(s.s.root, v); fe != nil {
			err = fe
		} else {
			return w.out, nil
		}
	}
	return nil, fmt.Errorf("make a payload of encoding %q from JSON: %w", s.t.Encoding, err)
}

func parseDocument(doc []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(doc))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("bytes follow the value")
	}
	return v, nil
}

// A jsonWriter encodes values of a document.
type jsonWriter struct {
	out   []byte
	limit int
}

func (w *jsonWriter) align(n int) {
	for (len(w.out)-headerSize)&(n-1) != 0 {
		w.out = append(w.out, 0)
	}
}

func (w *jsonWriter) count(n int) {
	w.align(4)
	w.out = binary.LittleEndian.AppendUint32(w.out, uint32(n))
}

func fieldError(err error) *FieldError { return &FieldError{Offset: -1, Err: err} }

func (w *jsonWriter) message(m *message, v any) *FieldError {
	if v == nil {
		v = map[string]any(nil)
	}
	members, ok := v.(map[string]any)
	if !ok {
		return fieldError(fmt.Errorf("%s is an object, not %s", m.name, jsontext.Describe(v)))
	}
	if len(m.fields) == 0 {
		w.out = append(w.out, 0)
	}
	known := 0
	for i := range m.fields {
		f := &m.fields[i]
		value, found := members[f.name]
		if found {
			known++
		} else {
			value = f.standard
		}
		if err := w.field(f, value, found); err != nil {
			err.Path = joined(f.name, err.Path)
			return err
		}
	}
	if known < len(members) {
		for name := range members {
			if m.field(name) == nil {
				return fieldError(fmt.Errorf("%s has no field %q", m.name, jsontext.Short(name)))
			}
		}
	}
	return nil
}

func (m *message) field(name string) *field {
	for i := range m.fields {
		if m.fields[i].name == name {
			return &m.fields[i]
		}
	}
	return nil
}

// joined is the path of a part of a field.
func joined(name, path string) string {
	if path == "" || path[0] == '[' {
		return name + path
	}
	return name + "." + path
}

// field encodes a field whose value is v, or zero if it is not present.
func (w *jsonWriter) field(f *field, v any, present bool) *FieldError {
	if present && v == nil {
		return fieldError(fmt.Errorf("%s is not null", f.typ))
	}
	if f.shape == single {
		return w.value(f, v)
	}
	if f.kind == kindUint8 {
		b, ok, err := byteValues(v)
		if err != nil {
			return fieldError(err)
		}
		if ok {
			if err := w.length(f, len(b)); err != nil {
				return err
			}
			w.out = append(w.out, b...)
			return nil
		}
	}
	values, ok := v.([]any)
	if v != nil && !ok {
		return fieldError(fmt.Errorf("%s is an array, not %s", f.typ, jsontext.Describe(v)))
	}
	n := len(values)
	if v == nil && f.shape == fixed {
		n = f.count
	}
	if err := w.length(f, n); err != nil {
		return err
	}
	if width := f.kind.width(); v == nil && width > 0 && n > 0 {
		if n > (w.limit-len(w.out))/width {
			return fieldError(errTooLong)
		}
		w.align(width)
		w.out = append(w.out, make([]byte, n*width)...)
		return nil
	}
	element := f.element()
	for i := range n {
		var one any
		if v != nil {
			one = values[i]
		}
		err := w.value(element, one)
		if v != nil && one == nil {
			err = fieldError(errors.New("an element is not null"))
		}
		if err != nil {
			return err.within("", i)
		}
	}
	return nil
}

// length checks the number of elements, and writes that of a sequence.
func (w *jsonWriter) length(f *field, n int) *FieldError {
	switch {
	case f.shape == fixed && n != f.count:
		return fieldError(fmt.Errorf("%s has %d elements, not %d", f.typ, f.count, n))
	case f.shape == sequence && f.count != unbounded && n > f.count:
		return fieldError(errBound(n, f.count))
	case f.shape == sequence:
		w.count(n)
	}
	return nil
}

// value encodes one value, nil as zero.
func (w *jsonWriter) value(f *field, v any) *FieldError {
	if len(w.out) > w.limit {
		return fieldError(errTooLong)
	}
	switch f.kind {
	case kindMessage:
		return w.message(f.message, v)
	case kindString, kindWideString:
		text, ok := v.(string)
		if v != nil && !ok {
			return fieldError(fmt.Errorf("a string is needed, not %s", jsontext.Describe(v)))
		}
		return w.text(f, text)
	}
	bits := uint64(0)
	if v != nil {
		var err error
		if bits, err = number(f.kind, v); err != nil {
			return fieldError(err)
		}
	}
	width := f.kind.width()
	w.align(width)
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], bits)
	w.out = append(w.out, b[:width]...)
	return nil
}

func (w *jsonWriter) text(f *field, text string) *FieldError {
	if f.kind == kindString {
		if f.textBound != unbounded && len(text) > f.textBound {
			return fieldError(errBound(len(text), f.textBound))
		}
		if len(text) >= math.MaxInt32 {
			return fieldError(errTooLarge)
		}
		w.count(len(text) + 1)
		w.out = append(append(w.out, text...), 0)
		return nil
	}
	units := utf16.Encode([]rune(text))
	if f.textBound != unbounded && len(units) > f.textBound {
		return fieldError(errBound(len(units), f.textBound))
	}
	w.count(len(units))
	for _, u := range units {
		w.out = binary.LittleEndian.AppendUint32(w.out, uint32(u))
	}
	return nil
}
