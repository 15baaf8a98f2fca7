package protobuf

import (
	"fmt"
	"reflect"
	"slices"
	"sync"

	"google.golang.org/protobuf/proto"

	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/serde/internal/guard"
)

// Encoding is the name of the encoding, and of the encoding of its schemas, as in MCAP.
const Encoding = "protobuf"

// Codec returns the codec for generated messages such as *timestamppb.Timestamp. Its type is that of TypeOf. Codec panics if M
// is not a pointer to a generated message.
//
// The encoder writes directly after dst and allocates nothing if the capacity suffices. It encodes a nil message like an empty
// one. The decoder makes a new message for each payload.
func Codec[M proto.Message]() serde.Codec[M] {
	t := reflect.TypeFor[M]()
	if t.Kind() != reflect.Pointer || t.Elem().Kind() != reflect.Struct {
		panic(fmt.Sprintf("protobuf.Codec: %v is not a pointer to a generated message", t))
	}
	c := &codec[M]{elem: t.Elem(), large: &sync.Pool{New: func() any { return new(guard.Snapshot) }}}
	m := c.message()
	md := m.ProtoReflect().Descriptor()
	if md == nil {
		panic(fmt.Sprintf("protobuf.Codec: %v is not a pointer to a generated message", t))
	}
	var err error
	if c.t, err = TypeOf(md); err != nil {
		panic(err) // the descriptor that was generated is not valid
	}
	_, c.vtEncode = any(m).(vtMarshaler)
	_, c.vtDecode = any(m).(vtUnmarshaler)
	c.vtDecode = c.vtDecode && !recursive(md)
	return c
}

type codec[M proto.Message] struct {
	t                  serde.Type
	elem               reflect.Type
	large              *sync.Pool // copies of large payloads, which all decoders share and the garbage collector frees
	vtEncode, vtDecode bool
}

// message returns a new message. A method of a nil M would not do: M may embed the generated message.
func (c *codec[M]) message() M { return reflect.New(c.elem).Interface().(M) }

func (c *codec[M]) Type() serde.Type { return c.t }

// CheckType lets versions of a message differ as Compatible does.
func (c *codec[M]) CheckType(published serde.Type) error { return Compatible(published, c.t) }

func (c *codec[M]) Encoder() serde.Encoder[M] {
	if c.vtEncode {
		return vtEncoder[M]{c.t}
	}
	return encoder[M]{c.t}
}

func (c *codec[M]) Decoder() serde.Decoder[M] {
	d := &decoder[M]{codec: c}
	d.decode = d.value
	return d
}

type encoder[M proto.Message] struct{ t serde.Type }

func (e encoder[M]) Append(dst []byte, m M) ([]byte, error) {
	// The library computes the size first, makes room for it, and uses the sizes that it has cached while it writes.
	out, err := proto.MarshalOptions{}.MarshalAppend(dst, m)
	if err != nil {
		return dst, encodeError(e.t, err)
	}
	return out, nil
}

type vtEncoder[M proto.Message] struct{ t serde.Type }

func (e vtEncoder[M]) Append(dst []byte, m M) ([]byte, error) {
	vt := any(m).(vtMarshaler)
	size := vt.SizeVT()
	out := slices.Grow(dst, size)[:len(dst)+size]
	n, err := vt.MarshalToSizedBufferVT(out[len(dst):])
	if err == nil && n != size {
		err = fmt.Errorf("MarshalToSizedBufferVT wrote %d bytes, SizeVT announced %d", n, size)
	}
	if err != nil {
		return dst, encodeError(e.t, err)
	}
	return out, nil
}

func encodeError(t serde.Type, err error) error {
	return fmt.Errorf("encode %s as %s: %w", t.Name, t.Encoding, err)
}

// DecodeCopy decodes src where it is. The message does not refer to src, and is nil after an error.
func (c *codec[M]) DecodeCopy(src []byte) (m M, err error) {
	if err = guard.Run(&m, func() (err error) { m, err = c.decode(src); return err }); err != nil {
		err = decodeError(c.t, c.message().ProtoReflect().Descriptor(), src, err)
	}
	return m, err
}

func (c *codec[M]) decode(src []byte) (M, error) {
	m := c.message()
	if c.vtDecode {
		return m, any(m).(vtUnmarshaler).UnmarshalVT(src)
	}
	return m, proto.UnmarshalOptions{Merge: true}.Unmarshal(src, m) // a new message needs no reset
}

type decoder[M proto.Message] struct {
	*codec[M]
	small  guard.Snapshot
	src    []byte // a private copy, because the library checks text before it copies it
	v      *M
	decode func() error // d.value, bound once
}

func (d *decoder[M]) Decode(src []byte, v *M) error {
	private := &d.small
	if len(src) > guard.KeepAtMost {
		private = d.large.Get().(*guard.Snapshot)
		defer d.large.Put(private)
	}
	private.Take(src)
	d.src, d.v = private.B, v
	err := guard.Run(v, d.decode)
	if err != nil {
		err = decodeError(d.t, d.message().ProtoReflect().Descriptor(), d.src, err)
	}
	d.src, d.v = nil, nil
	return err
}

func (d *decoder[M]) value() error {
	m, err := d.codec.decode(d.src)
	if err == nil {
		*d.v = m
	}
	return err
}
