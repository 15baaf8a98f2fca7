// Package mcapfile reads and writes MCAP files. It is independent of shared memory and topics.
//
// The Writer builds chunks itself and closes them by size or age, so that a killed process leaves a file with everything
// that it had written half a second before. The Reader accepts files from any tool, including hostile ones. It checks every
// chunk's CRC, never panics, allocates at most what its Limits allow, and returns everything that is intact before it
// reports damage. A Plan reads a file by log time without holding its payloads in memory.
//
// Times are unsigned nanoseconds since 1970, as in the file.
package mcapfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/foxglove/mcap/go/mcap"
)

// A Reader returns the messages of a file in file order, and those of further MCAP files that follow directly after its
// end. It is for one goroutine at a time.
//
// It checks every CRC of the file and the statistics at its end. After an invalid record it continues at the next record
// that the index names, or else at the next valid one.
type Reader struct {
	walker
	kept     budget
	channels []*Channel // in order of appearance, of all parts
	stats    Stats
	part     part
	payload  []byte // of the last returned message, if it is not in memory elsewhere
	// skipAttachments avoids reading attachments, unless the CRC of the file requires it.
	skipAttachments bool
	salvages        bool     // messages of a chunk that is cut off are returned
	check           *checker // of Check, nil otherwise
	again           int64    // bytes that were read again after damage
	ends            []int64  // of this file and of those that follow it; nil = it is the only one
	pending         []error  // to be returned
	err             error    // final
}

// Files is a source of several files, one behind the other. Nothing of a file extends into the next one, also where a record lacks its end.
type Files interface {
	io.ReaderAt
	Ends() []int64 // where each file ends, in order; the last one is the size of the source
}

// errEnd marks the regular end of the last part.
var errEnd = errors.New("the end of the file")

// A part is one of the MCAP files that are concatenated in a file, mostly the only one.
type part struct {
	base     int64 // where it begins
	defs     *definitions
	sum      checksum
	sumError error // found at the end of the messages, and reported after the statistics, which say more
	tail     int64 // position after the end of its messages; 0 = not reached
	suspect  int64 // a record whose length may be wrong; 0 = the last one was as long as its fields say
	chunked  bool  // it has a chunk
	damaged  bool
	index    *index // nil = not read
	counts   counts
}

// counts are the numbers that the statistics record of a part has as well.
type counts struct{ messages, attachments, metadata, chunks uint64 }

// Stats describes a file as far as it has been read.
type Stats struct {
	Profile     string
	Library     string
	Attachments []AttachmentInfo // without their content; as many as Limits allow
	Metadata    []Metadata       // likewise
	Chunks      map[string]ChunkStats
	Private     uint64 // records of types that applications use for themselves
	Unused      uint64 // schemas without a channel
	Files       int    // number of concatenated MCAP files, mostly 1
	Closed      bool   // every concatenated file has its regular end
}

// ChunkStats counts the chunks of one compression ("" = none).
type ChunkStats struct {
	Chunks       uint64
	Compressed   uint64 // bytes
	Uncompressed uint64
}

// Metadata is a metadata record.
type Metadata struct {
	Name   string
	Values map[string]string
}

// NewReader starts to read the first size bytes of src, or all Files. It fails with ErrFormat if the first file is not an MCAP file.
func NewReader(src io.ReaderAt, size int64, limits *Limits) (*Reader, error) {
	s := limits.shares()
	r := &Reader{walker: newWalker(src, size, s), kept: budget{limits: s}}
	r.stats.Chunks, r.stats.Closed = make(map[string]ChunkStats), true
	if files, ok := src.(Files); ok && len(files.Ends()) > 0 {
		r.ends = files.Ends()
		r.file.size = r.ends[0]
	}
	if is, err := r.isMagic(0); err != nil {
		return nil, err
	} else if !is {
		if r.file.size == 0 {
			return nil, fmt.Errorf("%w: it is empty", ErrFormat)
		}
		return nil, fmt.Errorf("%w: it does not begin with the MCAP magic", ErrFormat)
	}
	r.begin(0)
	return r, nil
}

// isMagic reports whether the MCAP magic is at pos.
func (r *Reader) isMagic(pos int64) (bool, error) {
	magic, err := r.file.at(pos, uint64(len(mcap.Magic)))
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return false, nil
	}
	return bytes.Equal(magic, mcap.Magic), err
}

// begin starts a part.
func (r *Reader) begin(base int64) {
	r.part = part{base: base, defs: newDefinitions(), sum: newChecksum(base)}
	r.part.sum.known = r.mayHaveChecksum()
	r.stats.Files++
	if r.check != nil {
		r.check.beginPart(base)
	}
	r.seek(base + int64(len(mcap.Magic)))
}

// Stats returns the statistics of the file so far. Closed is valid after the end of the file.
func (r *Reader) Stats() Stats { return r.stats }

// Attachments returns the attachments read so far, without those whose CRC is wrong.
func (r *Reader) Attachments() []AttachmentInfo { return r.stats.Attachments }

// Position returns the offset in the file up to which it has been read.
func (r *Reader) Position() int64 { return r.pos }

// Metadata returns the metadata records read so far.
func (r *Reader) Metadata() []Metadata { return r.stats.Metadata }

// Channels returns the channels declared so far, in order of appearance.
func (r *Reader) Channels() []*Channel { return r.channels }

// Next fills m with the next message. Its Data is valid until the next call. Next returns io.EOF at the regular end of the
// file and a *TruncatedError if the file ends without one. After an error for which Recoverable is true, the next call
// continues after the damage.
func (r *Reader) Next(m *Message) error {
	for {
		size, err := r.Skim(m)
		if err != nil {
			return err
		}
		if err := r.fits(size); err != nil {
			return err
		}
		switch {
		case !r.inChunk || r.chunk.stream == nil:
			m.Data, err = r.take(size)
		default:
			r.payload = growTo(r.payload, size)
			err = r.read(r.payload)
			m.Data = r.payload
		}
		if err == nil {
			return nil
		}
		if r.note(mcap.OpMessage, err); len(r.pending) == 0 {
			return r.err
		}
	}
}

// fits returns an error for a message that is larger than the limits allow.
func (r *Reader) fits(size uint64) error {
	if size <= r.limits.message {
		return nil
	}
	r.part.damaged = true
	limit := &MemoryLimitError{What: "a message", Size: size, Limit: MaxMessage}
	if r.limits.message < MaxMessage && size <= MaxMessage {
		limit = r.limits.exceeded("a message", saturate(size, 0, messageShare))
	}
	limit.Offset = r.at.off
	return limit
}

func growTo(b []byte, n uint64) []byte {
	if uint64(cap(b)) < n || cap(b) > blockSize {
		return make([]byte, n)
	}
	return b[:n]
}

// Skim is Next without the payload: it returns the size of the payload in bytes and allocates no memory for it.
func (r *Reader) Skim(m *Message) (size uint64, err error) {
	for {
		if len(r.pending) > 0 {
			err, r.pending = r.pending[0], r.pending[1:]
			return 0, err
		}
		if r.err != nil {
			return 0, r.err
		}
		var op mcap.OpCode
		if r.more() {
			op, err = r.nextOfChunk()
			if err != nil {
				op = mcap.OpChunk
			}
		} else {
			op, err = r.outside()
		}
		if err == nil {
			err = r.record(op, m)
		}
		if err == nil && op == mcap.OpMessage {
			r.part.counts.messages++
			if r.check != nil {
				r.check.message(m, r.at, r.inChunk)
			}
			return r.rest, nil
		}
		if err != nil {
			r.note(op, err)
		}
	}
}
