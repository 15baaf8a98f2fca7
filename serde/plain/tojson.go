package plain

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/serde/internal/jsontext"
)

// maxJSON limits the JSON made of a payload, and the payload made of JSON, in bytes.
const maxJSON = 256 << 20

var errTooLong = errors.New("the result is too long")

// ToJSON converts a payload to JSON by its schema alone, for tools, also if it is of another byte order. It returns serde.ErrUndecodable
// for another encoding or without a schema of this package. Every other error is a *serde.DecodeError, as of a malformed schema or
// of a result of more than 256 MiB.
//
// Structs are objects with the fields in their order, without padding. Arrays of uint8 are strings in base64. NaN and infinities are the
// strings "NaN", "Infinity" and "-Infinity". A Slice is an object with the members Header, if it has one, and Items.
func ToJSON(t serde.Type, payload []byte) (json.RawMessage, error) {
	s, err := ParseSchema(t)
	if err != nil {
		return nil, err
	}
	return s.ToJSON(payload)
}

// ToJSON is as the function of that name.
func (s *Schema) ToJSON(payload []byte) (json.RawMessage, error) {
	out, err := s.s.toJSON(payload, maxJSON)
	if err != nil {
		return nil, decodeError(&s.t, err)
	}
	return out, nil
}

func (s *schema) toJSON(payload []byte, limit int) ([]byte, error) {
	w := &jsonWriter{order: s.order, limit: limit}
	if s.elem == nil {
		if len(payload) != s.header.size {
			return nil, s.sizeError(payload)
		}
		if err := w.value(s.header, payload, 0); err != nil {
			return nil, s.header.named(err, "", 0)
		}
		return w.out, nil
	}
	n, err := s.count(payload)
	if err != nil {
		return nil, err
	}
	w.out = append(w.out, '{')
	if s.header.size > 0 {
		w.out = append(w.out, `"Header":`...)
		if err := w.value(s.header, payload[headerOffset:][:s.header.size], headerOffset); err != nil {
			return nil, s.header.named(err, ".Header", headerOffset)
		}
		w.out = append(w.out, ',')
	}
	w.out = append(w.out, `"Items":`...)
	first := elementsOffset(s.header)
	if err := w.values(s.elem, payload[first:], n, first); err != nil {
		return nil, namedElement(s.elem, err, first)
	}
	return append(w.out, '}'), nil
}

func (s *schema) sizeError(payload []byte) error {
	return fmt.Errorf("the payload has %d bytes, not %d", len(payload), s.header.size)
}

// count returns the number of elements of a payload whose length fits.
func (s *schema) count(payload []byte) (int, error) {
	first := elementsOffset(s.header)
	if len(payload) < first {
		return 0, fmt.Errorf("the payload has %d bytes, fewer than the %d before the elements", len(payload), first)
	}
	return countIn(s.order.uint(payload[:headerOffset]), len(payload)-first, s.elem.size)
}

// countIn returns n, the number of elements, if they fill the room for them.
func countIn(n uint64, room, size int) (int, error) {
	if n > uint64(room/size) || int(n)*size != room {
		return 0, fmt.Errorf("the payload has %d elements of %d bytes and %d bytes for them", n, size, room)
	}
	return int(n), nil
}

// A jsonWriter writes values as JSON. It reads each byte of them once.
type jsonWriter struct {
	order byteOrder
	out   []byte
	limit int
}

// value writes the value in b, which begins at an offset of the payload.
func (w *jsonWriter) value(l *layout, b []byte, at int) error {
	if len(w.out) > w.limit {
		return errTooLong
	}
	switch {
	case l.kind == kindStruct:
		return w.structure(l, b, at)
	case l.kind == kindArray:
		return w.values(l.elem, b, l.length, at)
	case l.kind == kindBool:
		v := b[0]
		if v > 1 {
			return &rangeError{at, notBool(v)}
		}
		w.out = strconv.AppendBool(w.out, v == 1)
	case l.kind == "float32":
		w.float(float64(math.Float32frombits(uint32(w.order.uint(b)))), 32)
	case l.kind == "float64":
		w.float(math.Float64frombits(w.order.uint(b)), 64)
	default:
		v := w.order.uint(b)
		if l.enum && v > l.max {
			return &rangeError{at, l.notEnum(v)}
		}
		w.out = append(w.out, l.text(v)...)
	}
	return nil
}

func (w *jsonWriter) structure(l *layout, b []byte, at int) error {
	before := byte('{')
	for _, f := range l.fields {
		if f.padding() {
			continue
		}
		w.out = append(w.out, before)
		w.out = append(w.out, f.key...)
		if err := w.value(f.layout, b[f.offset:][:f.layout.size], at+f.offset); err != nil {
			return err
		}
		before = ','
	}
	if before == '{' { // there is only padding
		w.out = append(w.out, '{')
	}
	w.out = append(w.out, '}')
	return nil
}

// values writes n values of one layout.
func (w *jsonWriter) values(l *layout, b []byte, n, at int) error {
	if l.kind == "uint8" && !l.enum {
		if base64.StdEncoding.EncodedLen(n) > w.limit-len(w.out) {
			return errTooLong
		}
		w.out = append(w.out, '"')
		w.out = base64.StdEncoding.AppendEncode(w.out, b[:n])
		w.out = append(w.out, '"')
		return nil
	}
	w.out = append(w.out, '[')
	for i := range n {
		if i > 0 {
			w.out = append(w.out, ',')
		}
		if err := w.value(l, b[i*l.size:][:l.size], at+i*l.size); err != nil {
			return err
		}
	}
	w.out = append(w.out, ']')
	return nil
}

func (w *jsonWriter) float(f float64, bits int) { w.out = jsontext.AppendFloat(w.out, f, bits) }
