package cdr

import (
	"bytes"
	"math"

	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/serde/internal/generic"
)

// ToValue converts a payload to a generic value by the schema alone, for programs without the Go type: messages to map[string]any,
// arrays to []any, but arrays of uint8, byte and char to []byte, whole numbers to int64, or uint64 if they are larger, other numbers to
// float64. Errors are those of ToJSON. The result takes at most 512 times the memory of the payload plus 1 MiB.
func ToValue(t serde.Type, payload []byte) (any, error) {
	s, err := ParseSchema(t)
	if err != nil {
		return nil, err
	}
	return s.ToValue(payload)
}

// ToValue is as the function of that name.
func (s *Schema) ToValue(payload []byte) (any, error) {
	src := bytes.Clone(payload) // read once: the payload may change concurrently
	r, fe := newReader(src)
	if fe == nil {
		b := valueBuilder{r, generic.NewBuilder(len(src))}
		var v any
		if v, fe = b.message(s.s.root); fe == nil {
			if fe = b.end(); fe == nil {
				return v, nil
			}
		}
	}
	return nil, s.decodeError(fe)
}

// A valueBuilder makes the values of a payload.
type valueBuilder struct {
	reader
	build *generic.Builder
}

func (b *valueBuilder) message(m *message) (any, *FieldError) {
	if len(m.fields) == 0 {
		if _, err := b.take(1, 1); err != nil {
			return nil, err
		}
	}
	object, err := b.build.Object(len(m.fields))
	if err != nil {
		return nil, b.fault(err)
	}
	for i := range m.fields {
		f := &m.fields[i]
		v, err := b.field(f)
		if err != nil {
			err.Path = joined(f.name, err.Path)
			return nil, err
		}
		object[f.name] = v
	}
	return object, nil
}

func (b *valueBuilder) field(f *field) (any, *FieldError) {
	if f.shape == single {
		return b.value(f)
	}
	n, element, fe := b.length(f)
	if fe != nil {
		return nil, fe
	}
	if f.kind == kindUint8 {
		body, fe := b.take(n, 1)
		if fe != nil {
			return nil, fe
		}
		return built(b, body, b.build.Bytes)
	}
	list, err := b.build.Array(n)
	if err != nil {
		return nil, b.fault(err)
	}
	for i := range n {
		v, err := b.value(element)
		if err != nil {
			return nil, err.within("", i)
		}
		list = append(list, v)
	}
	return list, nil
}

// built returns what a method of the generic.Builder makes of bytes.
func built[T any](b *valueBuilder, body []byte, make func([]byte) (T, error)) (any, *FieldError) {
	v, err := make(body)
	if err != nil {
		return nil, b.fault(err)
	}
	return v, nil
}

func (b *valueBuilder) value(f *field) (any, *FieldError) {
	switch f.kind {
	case kindMessage:
		return b.message(f.message)
	case kindString:
		body, err := b.text(f.textBound)
		if err != nil {
			return nil, err
		}
		return built(b, body, b.build.Text)
	case kindWideString:
		s, err := b.wideText(f.textBound)
		if err != nil {
			return nil, err
		}
		return built(b, []byte(s), b.build.Text)
	}
	bits, err := b.number(f.kind.width())
	if err != nil {
		return nil, err
	}
	switch f.kind {
	case kindBool:
		if bits > 1 {
			b.pos--
			return nil, b.fault(errBool)
		}
		return bits == 1, nil
	case kindInt8:
		return int64(int8(bits)), nil
	case kindInt16:
		return int64(int16(bits)), nil
	case kindInt32:
		return int64(int32(bits)), nil
	case kindInt64:
		return int64(bits), nil
	case kindFloat32:
		return float64(math.Float32frombits(uint32(bits))), nil
	case kindFloat64:
		return math.Float64frombits(bits), nil
	}
	return generic.Unsigned(bits), nil
}
