package mcapfile

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/foxglove/mcap/go/mcap"
)

// A position is the position of a record: the offset of its chunk and the offset in the chunk's records. Outside of chunks
// it is the offset of the record and 0.
type position struct{ off, in int64 }

func (p position) before(q position) bool { return p.off < q.off || p.off == q.off && p.in < q.in }

// A walker moves from record to record, in the file and in the chunks that it enters. It does not interpret the records.
type walker struct {
	file   window
	unpack unpacker
	limits shares
	input  *bufio.Reader // of compressed records
	output *bufio.Reader // of uncompressed records, if a chunk is not in memory
	buffer []byte        // for the records of chunks in memory

	pos     int64    // after the current record of the file
	at      position // of the current record
	rest    uint64   // remaining bytes of the current record
	inChunk bool     // the current record is in a chunk
	cut     bool     // the current chunk lacks its end
	chunk   records
}

func newWalker(src io.ReaderAt, size int64, limits shares) walker {
	return walker{file: window{src: src, size: size}, unpack: unpacker{limits: limits}, limits: limits}
}

// more reports whether the current chunk has further records.
func (w *walker) more() bool { return w.inChunk && w.chunk.left > w.rest }

// leave ends the current chunk.
func (w *walker) leave() { w.inChunk, w.rest, w.chunk = false, 0, records{} }

// seek makes the record at pos of the file the next one.
func (w *walker) seek(pos int64) {
	w.leave()
	w.pos = pos
}

// nextOfFile moves to the record at pos. The record must fit into the file.
func (w *walker) nextOfFile() (mcap.OpCode, error) {
	w.leave()
	w.at = position{off: w.pos}
	head, err := w.file.at(w.pos, recordHead)
	if err != nil {
		return 0, err
	}
	op, length := mcap.OpCode(head[0]), binary.LittleEndian.Uint64(head[1:])
	if length > w.file.left(w.pos+recordHead) {
		return op, io.ErrUnexpectedEOF
	}
	w.pos += recordHead + int64(length)
	w.rest = length
	return op, nil
}

// nextOfChunk moves to the next record of the current chunk.
func (w *walker) nextOfChunk() (mcap.OpCode, error) {
	err := w.chunk.skip(w.rest)
	w.at.in = int64(w.chunk.size - w.chunk.left)
	w.rest = 0
	var op mcap.OpCode
	if err == nil {
		op, w.rest, err = w.chunk.head()
	}
	if err != nil {
		w.leave() // the following records cannot be found
	}
	return op, err
}

// take returns the next n bytes of the record, valid until the next call. The caller has checked n against the memory
// limits.
func (w *walker) take(n uint64) (b []byte, err error) {
	if n > w.rest {
		return nil, io.ErrUnexpectedEOF
	}
	if w.inChunk {
		b, err = w.chunk.take(n)
	} else {
		b, err = w.file.at(w.pos-int64(w.rest), n)
	}
	w.rest -= n
	return b, err
}

// read fills dst with the next bytes of the record.
func (w *walker) read(dst []byte) (err error) {
	n := uint64(len(dst))
	if n > w.rest {
		return io.ErrUnexpectedEOF
	}
	if w.inChunk {
		err = w.chunk.read(dst)
	} else {
		err = w.file.read(dst, w.pos-int64(w.rest))
	}
	w.rest -= n
	return err
}

// longestCompression is the maximum length of a compression name.
const longestCompression = 64

// chunkHead reads the head of a chunk. The compressed records follow.
func (w *walker) chunkHead() (h chunkHead, err error) {
	b, err := w.take(8 + 8 + 8 + 4 + 4)
	if err != nil {
		return h, err
	}
	c := cursor{b: b}
	h.start, h.end, h.size, h.crc = c.uint64(), c.uint64(), c.uint64(), c.uint32()
	name := c.uint32()
	if name > longestCompression {
		return h, fmt.Errorf("the name of its compression has %d bytes", name)
	}
	if b, err = w.take(uint64(name) + 8); err != nil {
		return h, err
	}
	h.compression, h.packed = string(b[:name]), binary.LittleEndian.Uint64(b[name:])
	if h.packed > w.rest && !w.cut {
		return h, io.ErrUnexpectedEOF
	}
	return h, nil
}

// enter enters a chunk whose head was read: its records are the next ones. The records of a large chunk are decompressed on
// demand. They are checked once before that, unless checked is true.
func (w *walker) enter(h *chunkHead, checked bool) error {
	chunk := records{size: h.size, left: h.size, confirmed: h.crc != 0}
	if h.size <= w.limits.block {
		err := w.unpacking(h, func() (err error) {
			w.buffer, err = w.unpack.unpack(w.buffer[:0], h, w.input)
			return err
		})
		if err != nil {
			return err
		}
		chunk.memory = w.buffer
	} else {
		if !checked {
			if err := w.unpacking(h, func() error { return w.unpack.verify(h, w.input) }); err != nil {
				return err
			}
		}
		if err := w.stream(h); err != nil {
			return err
		}
		chunk.stream = w.output
	}
	w.chunk, w.inChunk, w.rest = chunk, true, 0
	return nil
}

// stream makes the uncompressed records of a chunk the output.
func (w *walker) stream(h *chunkHead) error {
	w.input = buffered(w.input, w.file.section(w.pos-int64(w.rest), h.packed))
	src, err := w.unpack.open(h, w.input)
	if err != nil {
		return w.unpack.failed(err)
	}
	w.output = buffered(w.output, src)
	return nil
}

// unpacking calls fn with the compressed records of a chunk as the input.
func (w *walker) unpacking(h *chunkHead, fn func() error) error {
	from := w.pos - int64(w.rest)
	if h.packed <= w.limits.block {
		b, err := w.file.at(from, h.packed)
		if err != nil {
			return err
		}
		w.input = buffered(w.input, bytes.NewReader(b))
		return fn()
	}
	s := w.file.section(from, h.packed)
	w.input = buffered(w.input, s)
	err := fn()
	if s.err != nil { // a decompressor may have hidden this error
		return s.err
	}
	return err
}

func buffered(b *bufio.Reader, src io.Reader) *bufio.Reader {
	if b == nil {
		b = bufio.NewReaderSize(nil, windowSize)
	}
	b.Reset(src)
	return b
}
