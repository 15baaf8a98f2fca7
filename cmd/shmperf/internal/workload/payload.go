package workload

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/shmbus/shmbus/internal/mem"
	"github.com/shmbus/shmbus/topic"
)

// Every payload consists of payloadWord. A payload of at least headSize bytes begins with a stamp.
const (
	payloadWord = 0x0123456789abcdef
	headSize    = 8
)

// payloadBlock is the length of the piece that large payloads are made of. The piece fits into the first-level cache, and is large
// enough that the start of a copy costs little.
const payloadBlock = 16 << 10

// newBlock returns a piece of payloadBlock bytes.
func newBlock() []byte {
	b := make([]byte, 0, payloadBlock)
	for len(b) < payloadBlock {
		b = binary.LittleEndian.AppendUint64(b, payloadWord)
	}
	return b
}

// fillPayload writes every byte of b.
func fillPayload(b, piece []byte) {
	for len(b) > 0 {
		b = b[mem.Copy(b, piece):]
	}
}

// isPayload reads every byte of b and reports whether it is what fillPayload wrote. b is the rest of the payload of s, or s is nil. A loop that adds up words takes twice as long, because it has fewer cache lines of the other processor in flight.
func isPayload(b, piece []byte, s *topic.Sample[[]byte]) bool {
	const block, ahead = 1 << 10, 4 << 10 // the best of several
	if len(b) <= block {
		return bytes.Equal(b, piece[:len(b)])
	}
	if s != nil {
		s.Prefetch(block, ahead-block) // receiving fetches the first block
	}
	for off := 0; off < len(b); off += block {
		if s != nil {
			s.Prefetch(off+ahead, block)
		}
		n, at := min(len(b)-off, block), off%len(piece)
		if !bytes.Equal(b[off:off+n], piece[at:at+n]) {
			return false
		}
	}
	return true
}

// isWhole is isPayload for a whole payload, whose stamp may have any value. It compares from a cache line on: loads that cross two lines
// would take a sixth more time.
func isWhole(b, piece []byte, s *topic.Sample[[]byte]) bool {
	if len(b) < headSize {
		return isPayload(b, piece, s)
	}
	first := b[headSize:min(len(b), mem.CacheLine)]
	return bytes.Equal(first, piece[:len(first)]) && isPayload(b[headSize+len(first):], piece, s)
}

// sum reads every byte of b. It is for small payloads.
func sum(b []byte) uint64 {
	var s0, s1, s2, s3 uint64
	for ; len(b) >= 32; b = b[32:] {
		s0 += binary.LittleEndian.Uint64(b)
		s1 += binary.LittleEndian.Uint64(b[8:])
		s2 += binary.LittleEndian.Uint64(b[16:])
		s3 += binary.LittleEndian.Uint64(b[24:])
	}
	for ; len(b) >= 8; b = b[8:] {
		s0 += binary.LittleEndian.Uint64(b)
	}
	for _, c := range b {
		s1 += uint64(c)
	}
	return s0 + s1 + s2 + s3
}

func setHead(b []byte, stamp int64) {
	if len(b) >= headSize {
		binary.LittleEndian.PutUint64(b, uint64(stamp))
	}
}

func head(b []byte) (stamp int64, ok bool) {
	if len(b) < headSize {
		return 0, false
	}
	return int64(binary.LittleEndian.Uint64(b)), true
}

// A payloadReader reads payloads of one size and reports payloads that differ from what was sent.
type payloadReader struct {
	link  Link
	piece []byte // what payloads are made of
	into  []byte
	stamp int64 // the head of the last payload
	one   byte  // keeps the compiler from removing the read of one byte
}

func newPayloadReader(l Link) *payloadReader {
	return &payloadReader{link: l, piece: newBlock(), into: make([]byte, l.Size)}
}

// read reads the payload b of s, or of no sample if s is nil.
func (r *payloadReader) read(b []byte, s *topic.Sample[[]byte]) error {
	if len(b) != r.link.Size {
		return fmt.Errorf("received %d bytes of %d", len(b), r.link.Size)
	}
	if r.link.Copy {
		copy(r.into, b)
		b, s = r.into, nil
	}
	if r.link.TouchOne {
		r.one += b[0]
		return nil
	}
	if stamp, ok := head(b); ok {
		r.stamp = stamp
	}
	if !isWhole(b, r.piece, s) {
		return fmt.Errorf("received %d bytes that are not those that were sent", len(b))
	}
	return nil
}
