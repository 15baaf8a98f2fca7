package flatbuffers

import (
	"encoding/binary"
	"errors"
	"fmt"

	flatbuffers "github.com/google/flatbuffers/go"

	"github.com/shmbus/shmbus/serde"
)

// A Build writes a message: it creates the root table with all that the table refers to, and returns its offset. It does not call
// Finish, and must not use the Builder after it returns. The method Pack of the types that flatc --gen-object-api generates is
// a Build.
type Build func(b *flatbuffers.Builder) flatbuffers.UOffsetT

var (
	errBuildDecode  = errors.New("a Build cannot be decoded; the codec of the table can")
	errBuildPointer = errors.New("the function returned no root table")
)

// Builds returns the codec for publishers that write messages by functions. Its types are those of c, so subscribers use c. The encoder
// runs the function with a Builder of its own memory, which is used again, and copies the finished message once. Values cannot be
// decoded as Build.
func (c *Codec[T]) Builds() serde.Codec[Build] { return buildCodec[T]{c} }

type buildCodec[T any] struct{ c *Codec[T] }

func (b buildCodec[T]) Type() serde.Type              { return b.c.t }
func (b buildCodec[T]) Encoder() serde.Encoder[Build] { return b }
func (b buildCodec[T]) Decoder() serde.Decoder[Build] { return b }

func (b buildCodec[T]) Decode(_ []byte, v *Build) error {
	*v = nil
	return decodeError(b.c.t.Name, errBuildDecode)
}

func (b buildCodec[T]) Append(dst []byte, build Build) ([]byte, error) {
	builder := b.c.builders.Get().(*flatbuffers.Builder)
	builder.Reset()
	if err := b.c.finish(builder, build); err != nil {
		return dst, encodeError(b.c.t.Name, err)
	}
	dst = appendBytes(dst, builder.FinishedBytes())
	b.c.builders.Put(builder)
	return dst, nil
}

// finish runs a function and finishes its message.
func (c *Codec[T]) finish(b *flatbuffers.Builder, build Build) error {
	if build == nil {
		return errors.New("the Build is nil")
	}
	root := build(b)
	if root == 0 || root > b.Offset() {
		return errBuildPointer
	}
	if id := c.schema.identifier; id != "" {
		b.FinishWithFileIdentifier(root, []byte(id))
	} else {
		b.Finish(root)
	}
	return nil
}

// A RoomError says that a message does not fit into the memory given for it.
type RoomError struct {
	Type string // name of the root table
	Room int    // length of the memory in bytes
	Need int    // length with which the message fits
}

func (e *RoomError) Error() string {
	return fmt.Sprintf("encode %s as %s: the memory has %d bytes, and the message needs %d", e.Type, Encoding, e.Room, e.Need)
}

// headroom is what a Builder needs beside the message: it keeps a byte free and grows for less than an aligned number.
const headroom = 64

// BuildIn writes a message into buf, the memory of a Loan, and returns the length of the payload, with which the loan is committed. The
// Builder works in that memory, so large vectors are copied once, from where the application has them.
//
// A Builder writes from the end of its memory towards the beginning. If the message leaves little of buf free, at most 256
// bytes or an eighth of its length, then it stays at the end: the offset of the root at the beginning of the payload
// leads to it, and the bytes between are zero. Otherwise the message is moved to the beginning, one copy more. A loan of the
// expected length plus 128 bytes is therefore best.
//
// If the message does not fit, the error is a *RoomError, which says how much memory is needed.
func (c *Codec[T]) BuildIn(buf []byte, build Build) (n int, err error) {
	room := min(len(buf), maxSize) &^ (maxAlign - 1) // the end is aligned as the beginning is
	b := c.overlaid.Get().(*flatbuffers.Builder)
	b.Bytes = buf[:room:room]
	if room == 0 {
		b.Bytes = make([]byte, 1)
	}
	b.Reset()
	if err := c.finish(b, build); err != nil {
		return 0, encodeError(c.t.Name, err)
	}
	message := b.FinishedBytes()
	moved := room == 0 || &b.Bytes[0] != &buf[0]
	b.Bytes = nil // the memory is the application's
	c.overlaid.Put(b)
	gap := room - len(message)
	switch {
	case moved:
		return 0, &RoomError{Type: c.t.Name, Room: len(buf), Need: len(message) + headroom}
	case gap > max(256, len(message)/8):
		return copy(buf, message), nil
	}
	root := uint32(gap) + binary.LittleEndian.Uint32(message) // gap is a multiple of 4, as both lengths are
	clear(buf[:gap])
	binary.LittleEndian.PutUint32(buf, root)
	copy(buf[4:], c.schema.identifier) // at most over the one of the finished message
	return room, nil
}
