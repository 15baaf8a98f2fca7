package flatbuffers

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"sync"

	flatbuffers "github.com/google/flatbuffers/go"

	"github.com/shmbus/shmbus/internal/mem"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/serde/internal/guard"
)

// Encoding is the name of the encoding, and of the encoding of its schemas, as in MCAP.
const Encoding = "flatbuffer"

// identifierSize is the length of a file identifier in bytes. It lies behind the offset of the root.
const identifierSize = 4

// A Table is a pointer to a table that flatc generated, such as *nav.Pose.
type Table[T any] interface {
	*T
	Init(buf []byte, i flatbuffers.UOffsetT)
	Table() flatbuffers.Table
}

// A Codec reads and writes messages whose root is the generated table T. It is a serde.Codec of *T. It is immutable and may be used
// concurrently.
type Codec[T any] struct {
	t      serde.Type
	schema *Schema
	init   func(v *T, buf []byte, i flatbuffers.UOffsetT)
	table  func(v *T) flatbuffers.Table

	views    *sync.Pool // of *T, for Read
	builders *sync.Pool // of *flatbuffers.Builder over their own memory
	overlaid *sync.Pool // of *flatbuffers.Builder without memory
}

// New returns the codec for messages whose root is a T. name is the full name of the table, such as "nav.Pose", and schema the binary
// schema (.bfbs) that declares it, as flatc --schema --binary makes it. The schema must not be changed. The error says that
// the schema is not valid or does not declare the table. New cannot check that T was generated from the schema.
func New[T any, P Table[T]](name string, schema []byte) (*Codec[T], error) {
	t := serde.Type{Name: name, Encoding: Encoding, SchemaEncoding: Encoding, Schema: schema}
	if len(schema) == 0 {
		return nil, fmt.Errorf("the codec of %v needs a binary schema", reflect.TypeFor[T]())
	}
	s, err := ParseSchema(t)
	if err != nil {
		return nil, err
	}
	return &Codec[T]{
		t: t, schema: s,
		init: func(v *T, buf []byte, i flatbuffers.UOffsetT) {
			P(v).Init(buf[:len(buf):len(buf)], i) // accessors of strings would read up to the capacity
		},
		table:    func(v *T) flatbuffers.Table { return P(v).Table() },
		views:    &sync.Pool{New: func() any { return new(T) }},
		builders: &sync.Pool{New: func() any { return flatbuffers.NewBuilder(1024) }},
		overlaid: &sync.Pool{New: func() any { return flatbuffers.NewBuilder(0) }},
	}, nil
}

// Type returns the name of the table and, as schema, the binary schema.
func (c *Codec[T]) Type() serde.Type { return c.t }

// CheckType lets versions of a table differ as Compatible does.
func (c *Codec[T]) CheckType(published serde.Type) error { return Compatible(published, c.t) }

// Encoder returns an encoder, which may be used concurrently. It copies the message of which the table is the root, as a table has it
// that GetRootAs of the generated code or View returned: a received message is published again, or one of a Builder. A nil table
// and one inside of a message are errors. Builds and BuildIn write new messages.
func (c *Codec[T]) Encoder() serde.Encoder[*T] { return tableCoder[T]{c} }

// Decoder returns a decoder, which may be used concurrently. It copies the message, verifies the copy and returns a new table over it,
// which is safe to access. Read and View do without copy and verification.
func (c *Codec[T]) Decoder() serde.Decoder[*T] { return tableCoder[T]{c} }

// Verify checks everything that accessors of the payload may read: offsets, tables, strings, vectors and unions lie within the payload,
// required fields are present, tables nest at most 64 deep, and the visits of tables, fields and elements are at most 2^24 plus
// 16 for each byte. Values of enums, UTF-8, alignment, and the contents of byte vectors that hold messages are not checked.
// Types of unions that the schema lacks are permitted.
//
// It is for private copies. A payload in shared memory may be changed by its publisher after any check. The error is a
// *serde.DecodeError with the byte and the field.
func (c *Codec[T]) Verify(payload []byte) error {
	_, err := c.checkRoot(payload)
	if err == nil {
		err = verify(c.schema.root, payload)
	}
	if err != nil {
		return decodeError(c.t.Name, err)
	}
	return nil
}

type tableCoder[T any] struct{ c *Codec[T] }

func (t tableCoder[T]) Append(dst []byte, v *T) ([]byte, error) {
	out := dst
	err := guard.Run(new(struct{}), func() (err error) {
		out, err = t.c.append(dst, v)
		return err
	})
	if err != nil {
		return dst, encodeError(t.c.t.Name, err)
	}
	return out, nil
}

func (c *Codec[T]) append(dst []byte, v *T) ([]byte, error) {
	if v == nil {
		return dst, errors.New("the table is nil")
	}
	table := c.table(v)
	root, err := c.checkRoot(table.Bytes)
	switch {
	case err != nil:
		return dst, err
	case root != table.Pos:
		return dst, errors.New("the table is not the root of its message")
	}
	return appendBytes(dst, table.Bytes), nil
}

// appendBytes appends src to dst by the copy for shared memory.
func appendBytes(dst, src []byte) []byte {
	n := len(dst)
	if cap(dst)-n < len(src) {
		return append(dst[:n:n], src...)
	}
	dst = dst[:n+len(src)]
	mem.Copy(dst[n:], src)
	return dst
}

func (t tableCoder[T]) Decode(src []byte, v **T) error {
	*v = nil
	private := bytes.Clone(src) // a fault in src is for the caller
	if err := t.c.Verify(private); err != nil {
		return err
	}
	decoded := new(T)
	t.c.init(decoded, private, flatbuffers.GetUOffsetT(private))
	*v = decoded
	return nil
}
