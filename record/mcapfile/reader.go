package mcapfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/foxglove/mcap/go/mcap"
)

// A Reader hands out the messages of a file in the order of the file. It is for one goroutine at a time.
type Reader struct {
	file   window
	limits Limits
	defs   definitions
	unpack unpacker
	stats  Stats

	pos     int64 // of the next record
	tail    bool  // behind the end of the messages
	records []byte
	chunk   []byte // what is left of the records of the current chunk
	chunkAt int64
	block   block // where the message last handed out is
	err     error // final
}

// Stats describes a file, as far as it has been read.
type Stats struct {
	Profile     string
	Library     string
	Attachments uint64
	Metadata    []Metadata // as many as Limits.Definitions allows
	Chunks      map[string]ChunkStats
	Closed      bool // the file has its proper end
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

// NewReader starts to read the first size bytes of src. It fails with ErrFormat when that is not an MCAP file.
func NewReader(src io.ReaderAt, size int64, limits *Limits) (*Reader, error) {
	l := limits.checked()
	r := &Reader{
		file: window{src: src, size: size}, limits: l, unpack: unpacker{limit: l.Chunk},
		defs: definitions{
			schemas: make(map[uint16]*schema), channels: make(map[uint16]*Channel), since: make(map[*Channel]position), limit: l.Definitions,
		},
	}
	r.stats.Chunks = make(map[string]ChunkStats)
	magic, err := r.file.at(0, uint64(len(mcap.Magic)))
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	if !bytes.Equal(magic, mcap.Magic) {
		return nil, fmt.Errorf("%w: it does not begin with the MCAP magic", ErrFormat)
	}
	r.pos = int64(len(mcap.Magic))
	return r, nil
}

// Stats returns what is known of the file so far.
func (r *Reader) Stats() Stats { return r.stats }

// Channels returns the channels declared so far, in order of appearance.
func (r *Reader) Channels() []*Channel { return r.defs.list }

// Next fills m with the next message; its Data is valid until the next call. It returns io.EOF at the proper end of the
// file, a *TruncatedError when the file ends without one, and when Passable(err) the next call goes on behind the damage.
func (r *Reader) Next(m *Message) error {
	for {
		if r.err != nil {
			return r.err
		}
		var ok bool
		var err error
		if len(r.chunk) > 0 {
			ok, err = r.inside(m)
		} else {
			ok, err = r.outside(m)
		}
		if err != nil && !Passable(err) {
			r.err = err
		}
		if ok || err != nil {
			return err
		}
	}
}

// inside reads one record of the current chunk.
func (r *Reader) inside(m *Message) (bool, error) {
	at := position{r.chunkAt, int64(len(r.records) - len(r.chunk))}
	op, body, err := r.split()
	switch {
	case err != nil:
	case op == mcap.OpMessage:
		if err = r.defs.parseMessage(body, m); err == nil {
			return true, nil
		}
	case op == mcap.OpSchema:
		err = r.defs.addSchema(body)
	case op == mcap.OpChannel:
		err = r.defs.addChannel(body, at)
	case op == mcap.OpChunk:
		err = errors.New("a chunk within a chunk")
	}
	return false, r.damaged(r.chunkAt, op, err)
}

func (r *Reader) split() (op mcap.OpCode, body []byte, err error) {
	c := cursor{b: r.chunk}
	if head := c.take(1); head != nil {
		op = mcap.OpCode(head[0])
	}
	body = c.take(c.uint64())
	if c.err != nil {
		r.chunk = nil // nothing behind this can be found
		return mcap.OpChunk, nil, errors.New("its records do not fit")
	}
	r.chunk = c.b
	return op, body, nil
}

func (r *Reader) damaged(at int64, op mcap.OpCode, err error) error {
	if err == nil {
		return nil
	}
	var limit *LimitError
	if errors.As(err, &limit) {
		limit.Offset = at
		return limit
	}
	if errors.Is(err, errRead) {
		return err
	}
	return &CorruptError{Offset: at, Record: op.String() + " record", Err: err}
}

// errRead marks what the operating system said, as opposed to what the file says.
var errRead = errors.New("read the recording")

// outside reads one record of the file itself.
func (r *Reader) outside(m *Message) (bool, error) {
	at := r.pos
	if r.file.left(at) == 0 {
		return false, &TruncatedError{Offset: at, Reason: "it has no end record"}
	}
	head, err := r.file.at(at, recordHead)
	if err != nil {
		return false, r.torn(at, "a record is cut off", err)
	}
	c := cursor{b: head[1:]}
	op, length := mcap.OpCode(head[0]), c.uint64()
	if op == mcap.OpReserved {
		return false, &TruncatedError{Offset: at, Reason: "zeros follow"}
	}
	if length > r.file.left(at+recordHead) {
		return false, &TruncatedError{Offset: at, Reason: "a " + op.String() + " record is cut off"}
	}
	r.pos = at + recordHead + int64(length)
	if op == mcap.OpFooter {
		return false, r.end(at)
	}
	if r.tail {
		return false, nil
	}
	limit := r.limitOf(op)
	if limit == 0 {
		r.count(op)
		return false, nil
	}
	if length > limit {
		return false, &LimitError{Offset: at, What: "a " + op.String() + " record", Size: length, Limit: limit}
	}
	body, err := r.file.at(at+recordHead, length)
	if err != nil {
		return false, r.torn(at, "a "+op.String()+" record is cut off", err)
	}
	ok, err := r.record(op, at, body, m)
	return ok, r.damaged(at, op, err)
}

// limitOf returns how long a record of this kind may be, 0 when it is passed over.
func (r *Reader) limitOf(op mcap.OpCode) uint64 {
	switch op {
	case mcap.OpMessage:
		return r.limits.Record
	case mcap.OpChunk:
		return r.limits.Chunk + 1<<16 // its own fields
	case mcap.OpHeader, mcap.OpSchema, mcap.OpChannel, mcap.OpMetadata:
		return r.limits.Definitions
	}
	return 0
}

func (r *Reader) count(op mcap.OpCode) {
	switch op {
	case mcap.OpAttachment:
		r.stats.Attachments++
	case mcap.OpDataEnd:
		r.tail = true
	}
}

func (r *Reader) record(op mcap.OpCode, at int64, body []byte, m *Message) (bool, error) {
	switch op {
	case mcap.OpHeader:
		c := cursor{b: body}
		r.stats.Profile, r.stats.Library = c.string(), c.string()
		return false, c.err
	case mcap.OpSchema:
		return false, r.defs.addSchema(body)
	case mcap.OpChannel:
		return false, r.defs.addChannel(body, position{off: at})
	case mcap.OpMetadata:
		return false, r.addMetadata(body)
	case mcap.OpChunk:
		return false, r.open(at, body)
	case mcap.OpMessage:
		r.block = block{off: at, length: r.pos - at}
		err := r.defs.parseMessage(body, m)
		return err == nil, err
	}
	return false, nil
}

func (r *Reader) addMetadata(body []byte) error {
	c := cursor{b: body}
	m := Metadata{Name: c.string()}
	m.Values = c.strings()
	if c.err != nil {
		return c.err
	}
	if err := r.defs.account(len(body)); err != nil {
		return err
	}
	r.stats.Metadata = append(r.stats.Metadata, m)
	return nil
}

// open makes the records of a chunk the next ones.
func (r *Reader) open(at int64, body []byte) error {
	h, err := parseChunk(body)
	if err != nil {
		return err
	}
	if cap(r.records) > keepCapacity {
		r.records = nil
	}
	r.records, err = r.unpack.unpack(r.records[:0], &h)
	if err != nil {
		return err
	}
	s := r.stats.Chunks[h.compression]
	s.Chunks++
	s.Compressed += uint64(len(h.packed))
	s.Uncompressed += h.size
	r.stats.Chunks[h.compression] = s
	r.chunk, r.chunkAt = r.records, at
	r.block = block{off: at, length: r.pos - at, chunk: true}
	return nil
}

// end is at the footer: only the magic may follow.
func (r *Reader) end(at int64) error {
	magic, err := r.file.at(r.pos, uint64(len(mcap.Magic)))
	if err != nil || !bytes.Equal(magic, mcap.Magic) {
		return r.torn(at, "the magic at the end is missing", err)
	}
	r.stats.Closed = true
	return io.EOF
}

// torn tells a file that ends early from one that cannot be read.
func (r *Reader) torn(at int64, reason string, err error) error {
	if err == nil || errors.Is(err, io.ErrUnexpectedEOF) {
		return &TruncatedError{Offset: at, Reason: reason}
	}
	return fmt.Errorf("%w: %w", errRead, err)
}
