package mcapfile

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"

	"github.com/foxglove/mcap/go/mcap"
)

// Records are the records of a chunk, in memory or from the decompressor.
type records struct {
	size   uint64
	left   uint64        // remaining bytes
	memory []byte        // the remaining bytes, unless stream is set
	stream *bufio.Reader // stream of left bytes

	confirmed bool // the chunk has a CRC, which is right
}

// head reads the head of the next record.
func (c *records) head() (op mcap.OpCode, length uint64, err error) {
	head, err := c.take(recordHead)
	if err == nil {
		op, length = mcap.OpCode(head[0]), binary.LittleEndian.Uint64(head[1:])
		if length > c.left {
			err = io.ErrUnexpectedEOF
		}
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		err = errors.New("its records do not fit")
	}
	return op, length, err
}

// take returns n bytes, valid until the next call. The caller has checked n against the memory limits.
func (c *records) take(n uint64) ([]byte, error) {
	if n > c.left {
		return nil, io.ErrUnexpectedEOF
	}
	c.left -= n
	if c.stream == nil {
		b := c.memory[:n:n]
		c.memory = c.memory[n:]
		return b, nil
	}
	if n <= uint64(c.stream.Size()) {
		b, err := c.stream.Peek(int(n))
		if err == nil {
			_, err = c.stream.Discard(int(n))
		}
		return b, err
	}
	return readAll(nil, c.stream, n, 0)
}

// read fills dst.
func (c *records) read(dst []byte) error {
	n := uint64(len(dst))
	if n > c.left {
		return io.ErrUnexpectedEOF
	}
	c.left -= n
	if c.stream == nil {
		copy(dst, c.memory)
		c.memory = c.memory[n:]
		return nil
	}
	_, err := io.ReadFull(c.stream, dst)
	return err
}

func (c *records) skip(n uint64) error {
	if n > c.left {
		return io.ErrUnexpectedEOF
	}
	c.left -= n
	if c.stream == nil {
		c.memory = c.memory[n:]
		return nil
	}
	_, err := io.CopyN(io.Discard, c.stream, int64(n))
	return err
}
