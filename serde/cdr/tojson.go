package cdr

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"math"
	"strconv"

	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/serde/internal/jsontext"
)

// Longest result of ToJSON: per byte of payload, and in addition.
const (
	jsonPerByte = 256
	jsonMore    = 64 << 10
)

// ToJSON converts a payload to JSON by the schema alone, for tools. A payload that does not fit the schema is a *serde.DecodeError, a
// schema that is not valid a *DefinitionError, and another encoding is serde.ErrUndecodable.
//
// Messages are objects whose fields have the order of the schema. Arrays of uint8, byte and char are strings in base64, NaN and
// infinities the strings "NaN", "Infinity" and "-Infinity", and text that is not UTF-8 has U+FFFD for each invalid byte. Times and
// durations are objects with the fields sec and nanosec. The result is at most 256 times as long as the payload plus 64 KiB: more is
// an error, which only long names of fields can cause.
func ToJSON(t serde.Type, payload []byte) (json.RawMessage, error) {
	s, err := ParseSchema(t)
	if err != nil {
		return nil, err
	}
	return s.ToJSON(payload)
}

// ToJSON is as the function of that name.
func (s *Schema) ToJSON(payload []byte) (json.RawMessage, error) {
	src := bytes.Clone(payload) // read once: the payload may change concurrently
	r, fe := newReader(src)
	if fe == nil {
		w := textWriter{reader: r, limit: jsonMore + jsonPerByte*len(src)}
		if fe = w.message(s.s.root); fe == nil {
			if fe = w.end(); fe == nil && len(w.out) > w.limit {
				fe = w.fault(errTooLong)
			}
		}
		if fe == nil {
			return w.out, nil
		}
	}
	return nil, s.decodeError(fe)
}

// A textWriter writes the values of a payload as JSON.
type textWriter struct {
	reader
	out   []byte
	limit int
}

func (w *textWriter) message(m *message) *FieldError {
	if len(m.fields) == 0 {
		if _, err := w.take(1, 1); err != nil {
			return err
		}
	}
	w.out = append(w.out, '{')
	for i := range m.fields {
		f := &m.fields[i]
		if i > 0 {
			w.out = append(w.out, ',')
		}
		w.out = append(append(append(w.out, '"'), f.name...), '"', ':')
		if err := w.field(f); err != nil {
			err.Path = joined(f.name, err.Path)
			return err
		}
	}
	w.out = append(w.out, '}')
	return nil
}

func (w *textWriter) field(f *field) *FieldError {
	if f.shape == single {
		return w.value(f)
	}
	n, element, err := w.length(f)
	if err != nil {
		return err
	}
	if f.kind == kindUint8 {
		b, err := w.take(n, 1)
		if err != nil {
			return err
		}
		w.out = append(w.out, '"')
		w.out = base64.StdEncoding.AppendEncode(w.out, b)
		w.out = append(w.out, '"')
		return nil
	}
	w.out = append(w.out, '[')
	for i := range n {
		if i > 0 {
			w.out = append(w.out, ',')
		}
		if err := w.value(element); err != nil {
			return err.within("", i)
		}
	}
	w.out = append(w.out, ']')
	return nil
}

// length returns the number of elements of an array and one of them as a field. The payload has bytes for them.
func (r *reader) length(f *field) (int, *field, *FieldError) {
	n := f.count
	if f.shape == sequence {
		count, err := r.count(f.count)
		if err != nil {
			return 0, nil, err
		}
		n = count
	}
	element := f.element()
	if need := int64(n) * element.least(); need > int64(r.left()) {
		return 0, nil, r.fault(errCount(uint32(n), r.left()))
	}
	return n, element, nil
}

// least is the smallest number of bytes of one value.
func (f *field) least() int64 {
	switch f.kind {
	case kindMessage:
		return f.message.size
	case kindString, kindWideString:
		return 4
	}
	return int64(f.kind.width())
}

func (w *textWriter) value(f *field) *FieldError {
	if len(w.out) > w.limit {
		return w.fault(errTooLong)
	}
	switch f.kind {
	case kindMessage:
		return w.message(f.message)
	case kindString:
		b, err := w.text(f.textBound)
		if err != nil {
			return err
		}
		w.out = jsontext.AppendText(w.out, b)
		return nil
	case kindWideString:
		s, err := w.wideText(f.textBound)
		if err != nil {
			return err
		}
		w.out = jsontext.AppendText(w.out, []byte(s))
		return nil
	}
	bits, err := w.number(f.kind.width())
	if err != nil {
		return err
	}
	switch f.kind {
	case kindBool:
		if bits > 1 {
			w.pos--
			return w.fault(errBool)
		}
		w.out = strconv.AppendBool(w.out, bits == 1)
	case kindInt8:
		w.out = strconv.AppendInt(w.out, int64(int8(bits)), 10)
	case kindInt16:
		w.out = strconv.AppendInt(w.out, int64(int16(bits)), 10)
	case kindInt32:
		w.out = strconv.AppendInt(w.out, int64(int32(bits)), 10)
	case kindInt64:
		w.out = strconv.AppendInt(w.out, int64(bits), 10)
	case kindFloat32:
		x := math.Float32frombits(uint32(bits))
		w.out = jsontext.AppendFloat(w.out, float64(x), 32)
	case kindFloat64:
		x := math.Float64frombits(bits)
		w.out = jsontext.AppendFloat(w.out, x, 64)
	default:
		w.out = strconv.AppendUint(w.out, bits, 10)
	}
	return nil
}
