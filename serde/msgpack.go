package serde

import (
	"errors"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/shmbus/shmbus/serde/internal/guard"
)

// MaxDepth is the maximum nesting of arrays, maps and tags in a MsgPack or CBOR payload.
const MaxDepth = 256

// MsgPack returns the codec for values of T as github.com/vmihailenco/msgpack/v5 encodes them: structs as maps from field
// name to value, "msgpack" struct tags, time.Time to the nanosecond but in UTC or local time only. The encoder writes
// directly after dst.
//
// Of a duplicate key, the last value applies. Keys without a field are ignored, and fields without a key stay zero. Decoded
// into interfaces, maps become map[string]any. Not supported in a payload: the library's interned strings (struct tag
// option "intern", extension type -128), extensions of zero length, and maps inside extensions. When T embeds a pointer to
// a struct, the library keeps one goroutine per such type until the process ends; embed the struct itself.
func MsgPack[T any]() Codec[T] {
	return msgpackCodec[T]{Type{Name: typeName[T](), Encoding: EncodingMsgPack}}
}

type msgpackCodec[T any] struct{ t Type }

func (c msgpackCodec[T]) Type() Type { return c.t }

func (c msgpackCodec[T]) Encoder() Encoder[T] {
	return &msgpackEncoder[T]{t: c.t, enc: msgpack.NewEncoder(nil)}
}

func (c msgpackCodec[T]) Decoder() Decoder[T] {
	d := &msgpackDecoder[T]{t: c.t}
	d.decode = d.value
	return d
}

type msgpackEncoder[T any] struct {
	t   Type
	enc *msgpack.Encoder
	out appender
	v   T // the value being encoded; a field avoids one heap allocation per call
}

func (e *msgpackEncoder[T]) Append(dst []byte, v T) ([]byte, error) {
	e.out.b, e.v = dst, v
	e.enc.Reset(&e.out)
	err := e.enc.Encode(&e.v)
	b := e.out.b
	var zero T
	e.out.b, e.v = nil, zero
	if err != nil {
		return dst, encodeError(e.t, err)
	}
	return b, nil
}

type msgpackDecoder[T any] struct {
	t      Type
	dec    *msgpack.Decoder
	tokens tokenReader
	v      *T
	decode func() error // d.value, bound once
}

func (d *msgpackDecoder[T]) Decode(src []byte, v *T) error {
	d.tokens.reset(src)
	d.v = v
	err := guarded(&d.t, v, d.decode)
	d.v = nil
	d.tokens.reset(nil)
	if err != nil || len(src) > guard.KeepAtMost {
		// After an error the library's decoder may continue to record its input. After a large payload it keeps a buffer of
		// the size of the largest string.
		d.dec = nil
	}
	return err
}

func (d *msgpackDecoder[T]) value() error {
	if d.dec == nil {
		d.dec = msgpack.NewDecoder(nil)
	}
	d.dec.Reset(&d.tokens)
	err := d.dec.Decode(d.v)
	if err == nil {
		err = d.tokens.finish()
	}
	switch {
	case errors.Is(err, errTrailing):
		return &offsetError{d.tokens.pos, err}
	case err != nil:
		return &offsetError{d.tokens.offset(), err}
	}
	return nil
}

// An appender is a writer that appends to a slice.
type appender struct{ b []byte }

func (a *appender) Write(p []byte) (int, error) {
	a.b = append(a.b, p...)
	return len(p), nil
}

func (a *appender) WriteByte(c byte) error {
	a.b = append(a.b, c)
	return nil
}
