package plain

import (
	"bytes"
	"math"
	"strings"

	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/serde/internal/generic"
)

// ToValue converts a payload to a generic value by its schema alone, for programs without the Go type: structs to map[string]any, arrays
// to []any, but arrays of uint8 to []byte, integers to int64, or uint64 if they are larger, floating-point numbers to float64. Errors and
// the form of a Slice are those of ToJSON. The result takes at most 512 times the memory of the payload plus 1 MiB.
func ToValue(t serde.Type, payload []byte) (any, error) {
	s, err := ParseSchema(t)
	if err != nil {
		return nil, err
	}
	return s.ToValue(payload)
}

// ToValue is as the function of that name.
func (s *Schema) ToValue(payload []byte) (any, error) {
	v, err := s.s.toValue(bytes.Clone(payload)) // read once: the payload may change concurrently
	if err != nil {
		return nil, decodeError(&s.t, err)
	}
	return v, nil
}

func (s *schema) toValue(payload []byte) (any, error) {
	b := valueBuilder{s.order, generic.NewBuilder(len(payload))}
	if s.elem == nil {
		if len(payload) != s.header.size {
			return nil, s.sizeError(payload)
		}
		v, err := b.value(s.header, payload, 0)
		if err != nil {
			return nil, s.header.named(err, "", 0)
		}
		return v, nil
	}
	n, err := s.count(payload)
	if err != nil {
		return nil, err
	}
	object := map[string]any{}
	if s.header.size > 0 {
		if object["Header"], err = b.value(s.header, payload[headerOffset:][:s.header.size], headerOffset); err != nil {
			return nil, s.header.named(err, ".Header", headerOffset)
		}
	}
	first := elementsOffset(s.header)
	if object["Items"], err = b.values(s.elem, payload[first:], n, first); err != nil {
		return nil, namedElement(s.elem, err, first)
	}
	return object, nil
}

// A valueBuilder makes the values of a payload.
type valueBuilder struct {
	order byteOrder
	build *generic.Builder
}

// value makes the value in b, which begins at an offset of the payload.
func (w *valueBuilder) value(l *layout, b []byte, at int) (any, error) {
	switch l.kind {
	case kindStruct:
		return w.structure(l, b, at)
	case kindArray:
		return w.values(l.elem, b, l.length, at)
	case kindBool:
		v := b[0]
		if v > 1 {
			return nil, &rangeError{at, notBool(v)}
		}
		return v == 1, nil
	}
	bits := w.order.uint(b)
	switch {
	case l.kind == "float32":
		return float64(math.Float32frombits(uint32(bits))), nil
	case l.kind == "float64":
		return math.Float64frombits(bits), nil
	case l.enum && bits > l.max:
		return nil, &rangeError{at, l.notEnum(bits)}
	case strings.HasPrefix(l.kind, "int"):
		return l.signed(bits), nil
	}
	return generic.Unsigned(bits), nil
}

func (w *valueBuilder) structure(l *layout, b []byte, at int) (any, error) {
	object, err := w.build.Object(len(l.fields))
	if err != nil {
		return nil, err
	}
	for _, f := range l.fields {
		if f.padding() {
			continue
		}
		if object[f.name], err = w.value(f.layout, b[f.offset:][:f.layout.size], at+f.offset); err != nil {
			return nil, err
		}
	}
	return object, nil
}

// values makes the slice of n values of one layout.
func (w *valueBuilder) values(l *layout, b []byte, n, at int) (any, error) {
	if l.kind == "uint8" && !l.enum {
		return w.build.Bytes(b[:n])
	}
	list, err := w.build.Array(n)
	if err != nil {
		return nil, err
	}
	for i := range n {
		v, err := w.value(l, b[i*l.size:][:l.size], at+i*l.size)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}
