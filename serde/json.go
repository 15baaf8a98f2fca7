package serde

import (
	"encoding/json"

	"github.com/shmbus/shmbus/serde/internal/guard"
)

// JSON returns the codec for values of T as encoding/json encodes them, without escaping for HTML. The library cannot
// encode in place: it builds the text in a buffer of its own, which is copied once after dst. NaN and infinities are
// errors.
//
// Of a duplicate key, the last value applies. Bytes that are not UTF-8 become U+FFFD. Decoded into interfaces, every number
// becomes a float64.
func JSON[T any]() Codec[T] { return jsonCodec[T]{Type{Name: typeName[T](), Encoding: EncodingJSON}} }

type jsonCodec[T any] struct{ t Type }

func (c jsonCodec[T]) Type() Type { return c.t }

func (c jsonCodec[T]) Encoder() Encoder[T] {
	e := &jsonEncoder[T]{t: c.t}
	e.enc = json.NewEncoder(&e.out)
	e.enc.SetEscapeHTML(false)
	return e
}

func (c jsonCodec[T]) Decoder() Decoder[T] {
	d := &jsonDecoder[T]{t: c.t}
	d.decode = d.value
	return d
}

type jsonEncoder[T any] struct {
	t   Type
	enc *json.Encoder
	out appender
	v   T // the value being encoded; a field avoids one heap allocation per call
}

func (e *jsonEncoder[T]) Append(dst []byte, v T) ([]byte, error) {
	e.out.b, e.v = dst, v
	err := e.enc.Encode(&e.v)
	b := e.out.b
	var zero T
	e.out.b, e.v = nil, zero
	if err != nil {
		return dst, encodeError(e.t, err)
	}
	return b[:len(b)-1], nil // without the newline of the encoder
}

type jsonDecoder[T any] struct {
	t      Type
	src    guard.Snapshot
	v      *T
	decode func() error // d.value, bound once
}

func (d *jsonDecoder[T]) Decode(src []byte, v *T) error {
	d.src.Take(src)
	d.v = v
	err := guarded(&d.t, v, d.decode)
	d.v = nil
	d.src.Drop()
	return err
}

func (d *jsonDecoder[T]) value() error {
	if err := json.Unmarshal(d.src.B, d.v); err != nil {
		return locateJSON(d.src.B, err)
	}
	return nil
}
