package capnproto

import (
	"bytes"
	"fmt"
	"slices"
	"sync"

	"capnproto.org/go/capnp/v3"

	"github.com/shmbus/shmbus/serde"
)

// Encoding is the name of the encoding, and of the encoding of its schemas, as in MCAP.
const Encoding = "capnproto"

// A Codec has Cap'n Proto messages whose root is a T as payloads. It is immutable and may be used concurrently.
type Codec[T ~capnp.StructKind] struct {
	t        serde.Type
	newRoot  func(*capnp.Segment) (T, error)
	limits   limits
	views    *sync.Pool // of *view
	messages *sync.Pool // of *capnp.Message, for Build
}

// New returns the codec for a generated struct:
//
//	capnproto.New(schema, robot.Pose_TypeID, robot.NewRootPose)
//
// schema and id are as for TypeOf. New fails if the struct has another size in the schema than in the generated code: then one of them
// is newer.
func New[T ~capnp.StructKind](schema []byte, id uint64, newRoot func(*capnp.Segment) (T, error)) (*Codec[T], error) {
	t, s, err := typeOf(schema, id)
	if err != nil {
		return nil, err
	}
	_, segment, err := capnp.NewMessage(capnp.MultiSegment(nil))
	if err != nil {
		return nil, encodeError(&t, err)
	}
	root, err := newRoot(segment)
	if err != nil {
		return nil, encodeError(&t, err)
	}
	if size := capnp.Struct(root).Size(); int(size.DataSize) != wordSize*s.root.words || int(size.PointerCount) != s.root.pointers {
		return nil, fmt.Errorf("%s has %d bytes and %d pointers in the schema, and %d and %d in the generated code",
			t.Name, wordSize*s.root.words, s.root.pointers, size.DataSize, size.PointerCount)
	}
	return &Codec[T]{t: t, newRoot: newRoot, limits: limits{recursive: s.root.recursive()},
		views:    &sync.Pool{New: func() any { return new(view) }},
		messages: &sync.Pool{New: func() any { return new(capnp.Message) }},
	}, nil
}

// Type returns the type with the schema that New was given.
func (c *Codec[T]) Type() serde.Type { return c.t }

// CheckType lets versions of a struct differ as Compatible does.
func (c *Codec[T]) CheckType(published serde.Type) error { return Compatible(published, c.t) }

// Encoder returns an encoder, which may be used concurrently. It copies the segments of the message, and allocates only if the
// capacity of dst does not suffice. The value must be the root of its message. T{}, which has no message, becomes a message without a root.
func (c *Codec[T]) Encoder() serde.Encoder[T] { return coder[T]{c} }

// Decoder returns a decoder, which may be used concurrently. It copies the payload once. The result is in the copy and stays valid; like
// each struct of a message that is read it must not be changed. View and Read do without the copy.
func (c *Codec[T]) Decoder() serde.Decoder[T] { return coder[T]{c} }

type coder[T ~capnp.StructKind] struct{ c *Codec[T] }

func (e coder[T]) Append(dst []byte, v T) ([]byte, error) {
	s := capnp.Struct(v)
	if !s.IsValid() {
		return append(dst, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), nil
	}
	m := s.Message()
	if m == nil {
		return dst, encodeError(&e.c.t, errReleased)
	}
	if !isRoot(m, s) {
		return dst, encodeError(&e.c.t, errNotRoot)
	}
	return e.append(dst, m)
}

// isRoot reports whether the root of a message is s. It leaves the message's limit for reading as it was.
func isRoot(m *capnp.Message, s capnp.Struct) bool {
	size := s.Size()
	m.Unread(size.DataSize + wordSize*capnp.Size(size.PointerCount)) // what Root takes
	p, err := m.Root()
	return err == nil && capnp.SamePtr(p, s.ToPtr()) && p.Struct().Size() == size
}

func (e coder[T]) append(dst []byte, m *capnp.Message) ([]byte, error) {
	n := int(m.NumSegments())
	size := headerSize(n)
	if n > maxSegments {
		return dst, encodeError(&e.c.t, fmt.Errorf("the message has %d segments, more than %d", n, maxSegments))
	}
	for i := range n {
		s, err := m.Segment(capnp.SegmentID(i))
		if err != nil {
			return dst, encodeError(&e.c.t, err)
		}
		size += len(s.Data())
	}
	segment := func(i int) []byte {
		s, _ := m.Segment(capnp.SegmentID(i))
		return s.Data()
	}
	dst = slices.Grow(dst, size)
	dst = appendHeader(dst, n, func(i int) int { return len(segment(i)) })
	for i := range n {
		dst = append(dst, segment(i)...)
	}
	return dst, nil
}

func (e coder[T]) Decode(src []byte, v *T) error {
	var zero T
	*v = zero
	root, err := e.c.View(bytes.Clone(src))
	if err == nil {
		*v = root
	}
	return err
}
