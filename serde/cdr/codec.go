package cdr

import (
	"encoding/binary"
	"fmt"
	"reflect"
	"slices"

	"github.com/shmbus/shmbus/internal/mem"
	"github.com/shmbus/shmbus/serde"
)

// Names that MCAP registers.
const (
	Encoding       = "cdr"
	SchemaEncoding = "ros2msg"
)

// bigEndian says of the processor what its numbers are. Payloads are written little-endian.
const bigEndian = mem.LowHalf != 0

// swaps reports whether numbers of the payload have the other byte order than those of the processor.
func (r *reader) swaps() bool {
	if bigEndian {
		return !r.big
	}
	return r.big
}

// Codec returns the codec of the ROS 2 message typeName, such as "sensor_msgs/msg/Imu", for values of the Go struct T. The schema is the
// text of the message's definition, followed by those of the types that it uses (see the package comment). It fails with a
// *DefinitionError if the schema is not valid, and with an error that names the field and both types if T does not match it.
//
// The encoder writes directly after dst and allocates only if the capacity of dst does not suffice. A value must not change while it is
// encoded. The decoder allocates once per string and sequence that is not empty; an empty sequence becomes nil.
func Codec[T any](typeName, schema string) (serde.Codec[T], error) {
	s, err := parseSchema(typeName, schema)
	if err != nil {
		return nil, fmt.Errorf("schema of %s: %w", typeName, err)
	}
	t := reflect.TypeFor[T]()
	p, err := compile(s, t)
	if err != nil {
		return nil, fmt.Errorf("match %s with %s: %w", typeName, t, err)
	}
	return &codec[T]{serde.Type{Name: typeName, Encoding: Encoding, SchemaEncoding: SchemaEncoding, Schema: []byte(schema)}, p.ops}, nil
}

type codec[T any] struct {
	t   serde.Type
	ops []op
}

func (c *codec[T]) Type() serde.Type          { return c.t }
func (c *codec[T]) Encoder() serde.Encoder[T] { return c }
func (c *codec[T]) Decoder() serde.Decoder[T] { return c }

func (c *codec[T]) Append(dst []byte, v T) ([]byte, error) {
	m := mem.ValueOf(&v)
	size, err := sizeOf(c.ops, m, 0)
	if err != nil {
		return dst, fmt.Errorf("encode %s as %s: %w", c.t.Name, Encoding, err)
	}
	start := len(dst)
	dst = slices.Grow(dst, headerSize+size)[:start+headerSize+size]
	binary.BigEndian.PutUint32(dst[start:], cdrLittle<<16)
	encode(c.ops, m, dst[start+headerSize:], 0)
	return dst, nil
}

func (c *codec[T]) Decode(src []byte, v *T) error {
	var zero T
	*v = zero
	r, err := newReader(src)
	if err == nil {
		if err = r.decode(c.ops, mem.ValueOf(v)); err == nil {
			err = r.end()
		}
	}
	if err != nil {
		*v = zero
		return &serde.DecodeError{Type: c.t.Name, Encoding: Encoding, Err: err}
	}
	return nil
}
