package plain

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/shmbus/shmbus/internal/mem"
	"github.com/shmbus/shmbus/serde"
)

// Encoding is the name of the encoding.
const Encoding = "plain"

// A Codec has the bytes of a T as payload. It is immutable and may be used concurrently.
type Codec[T any] struct {
	t      serde.Type
	l      *layout
	mem    mem.Plain[T]
	simple bool  // all bytes are values of fields, and all are valid
	copied error // nil, or why View fails
}

// New returns the codec for values of T. The error is a *TypeError if T is not plain.
func New[T any]() (*Codec[T], error) {
	t := reflect.TypeFor[T]()
	l, err := layoutOf(t)
	switch {
	case err != nil:
		return nil, err
	case l.size == 0:
		return nil, &TypeError{Type: t.String(), Reason: "it has no bytes"}
	}
	views, err := mem.PlainOf[T]()
	if err != nil {
		return nil, &TypeError{Type: t.String(), Reason: err.Error()}
	}
	return &Codec[T]{
		t:   serde.Type{Name: t.String(), Encoding: Encoding, SchemaEncoding: SchemaEncoding, Schema: valueSchema(l)},
		l:   l,
		mem: views, simple: !l.checked && !l.padded, copied: l.copiedOnly(t.String()),
	}, nil
}

// copiedOnly returns an error if values of the layout must not be read in place.
func (l *layout) copiedOnly(name string) error {
	if !l.goBool {
		return nil
	}
	return &TypeError{Type: name, Field: l.firstGoBool(), Reason: "a publisher can change a bool of Go in place to neither true nor false; use plain.Bool, or decode a copy"}
}

func (l *layout) firstGoBool() string {
	if l.kind == kindArray {
		return "[]" + l.elem.firstGoBool()
	}
	for _, f := range l.fields {
		if f.layout.goBool && !f.padding() {
			return "." + f.name + f.layout.firstGoBool()
		}
	}
	return ""
}

// Size is the length of every payload in bytes.
func (c *Codec[T]) Size() int { return c.l.size }

// ValueIsPayload reports whether the bytes of every value are its payload, because T has neither padding nor bools nor enums. A Publisher
// then publishes the value without an encoder.
func (c *Codec[T]) ValueIsPayload() bool { return c.simple }

// Type returns the type's name and, as schema, its layout.
func (c *Codec[T]) Type() serde.Type { return c.t }

// Encoder returns an encoder, which may be used concurrently.
func (c *Codec[T]) Encoder() serde.Encoder[T] { return valueCoder[T]{c} }

// Decoder returns a decoder, which may be used concurrently.
func (c *Codec[T]) Decoder() serde.Decoder[T] { return valueCoder[T]{c} }

// ByPointer returns the codec for pointers to values, with the same payloads. It suits values of more than some hundred bytes, which
// are expensive to pass. A nil pointer cannot be encoded. Each decoded value is allocated; View does without.
func (c *Codec[T]) ByPointer() serde.Codec[*T] { return pointerCodec[T]{c} }

// append copies v, whose padding becomes zero, to the end of dst.
func (c *Codec[T]) append(dst []byte, v *T) ([]byte, error) {
	src := c.mem.Bytes(v)
	if c.l.checked {
		if err := c.l.check(nativeOrder(), src, 0); err != nil {
			return dst, encodeError(&c.t, c.l.named(err, "", 0))
		}
	}
	dst, added := extend(dst, len(src))
	mem.Copy(added, src)
	if c.l.padded {
		c.l.clearPadding(added)
	}
	return dst, nil
}

// extend appends n bytes of any content to dst, and returns also these.
func extend(dst []byte, n int) (whole, added []byte) {
	if cap(dst)-len(dst) < n {
		whole = make([]byte, len(dst)+n)
		copy(whole, dst)
	} else {
		whole = dst[:len(dst)+n]
	}
	return whole, whole[len(dst):]
}

// decode copies src, which must be a valid value, to *v.
func (c *Codec[T]) decode(src []byte, v *T) error {
	if len(src) != c.l.size {
		return decodeError(&c.t, fmt.Errorf("the payload has %d bytes, not %d", len(src), c.l.size))
	}
	dst := c.mem.Bytes(v)
	copy(dst, src)
	if c.l.checked {
		if err := c.l.check(nativeOrder(), dst, 0); err != nil {
			return decodeError(&c.t, c.l.named(err, "", 0))
		}
	}
	return nil
}

type valueCoder[T any] struct{ c *Codec[T] }

func (e valueCoder[T]) Append(dst []byte, v T) ([]byte, error) {
	src := e.c.mem.Bytes(&v)
	if n := len(dst); e.c.simple && len(src) <= cap(dst)-n { // the common case, without calls
		dst = dst[:n+len(src)]
		mem.Copy(dst[n:], src)
		return dst, nil
	}
	return e.c.append(dst, &v)
}

func (e valueCoder[T]) Decode(src []byte, v *T) error {
	err := e.c.decode(src, v)
	if err != nil {
		var zero T
		*v = zero
	}
	return err
}

type pointerCodec[T any] struct{ c *Codec[T] }

func (e pointerCodec[T]) Type() serde.Type           { return e.c.t }
func (e pointerCodec[T]) Encoder() serde.Encoder[*T] { return e }
func (e pointerCodec[T]) Decoder() serde.Decoder[*T] { return e }

func (e pointerCodec[T]) Append(dst []byte, v *T) ([]byte, error) {
	if v == nil {
		return dst, encodeError(&e.c.t, errors.New("the pointer is nil"))
	}
	return e.c.append(dst, v)
}

func (e pointerCodec[T]) Decode(src []byte, v **T) error {
	decoded := new(T)
	err := e.c.decode(src, decoded)
	if err != nil {
		decoded = nil
	}
	*v = decoded
	return err
}
