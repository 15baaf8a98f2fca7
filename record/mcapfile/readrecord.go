package mcapfile

import (
	"errors"
	"io"

	"github.com/foxglove/mcap/go/mcap"
)

// note queues an error for Skim. It is the last one unless it is recoverable.
func (r *Reader) note(op mcap.OpCode, err error) {
	var limit *MemoryLimitError
	var truncated *TruncatedError
	switch {
	case r.cut && !errors.Is(err, errRead):
		r.endFile(&TruncatedError{Offset: r.at.off, Reason: "a chunk record is cut off"})
		return
	case errors.As(err, &limit):
		limit.Offset = r.at.off
		r.part.damaged = true
	case errors.Is(err, errEnd):
		r.endFile(nil)
		return
	case errors.Is(err, errRead):
		r.err = err
		r.stats.Closed = false
		return
	case errors.As(err, &truncated):
		r.endFile(truncated)
		return
	case errors.As(err, new(*InvalidRecordError)):
		r.part.damaged = true
	default:
		if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
			err = errors.New("its fields do not fit")
		}
		err = &InvalidRecordError{Offset: r.at.off, Record: op.String() + " record", Err: err}
		r.part.damaged = true
	}
	r.pending = append(r.pending, err)
	r.readIndex() // the lost bytes may have declared channels
}

// endFile goes on with the next file, or ends the reading. damage = nil is the regular end of the file.
func (r *Reader) endFile(damage *TruncatedError) {
	if damage != nil {
		r.stats.Closed = false
	}
	if len(r.ends) < 2 {
		if r.err = io.EOF; damage != nil {
			r.err = damage
		}
		return
	}
	if damage != nil {
		r.pending = append(r.pending, &InvalidRecordError{Offset: damage.Offset, Record: "the end of a file among several", Err: damage})
	}
	begin := r.file.size
	r.ends, r.cut = r.ends[1:], false
	r.file.size = r.ends[0]
	switch is, err := r.isMagic(begin); {
	case err != nil:
		r.err = err
	case is:
		r.begin(begin)
	default:
		r.pending = append(r.pending, &InvalidRecordError{Offset: begin, Record: "the file that begins", Err: ErrFormat})
		r.endFile(nil)
	}
}

// record handles a record of the file or of a chunk.
func (r *Reader) record(op mcap.OpCode, m *Message) error {
	switch op {
	case mcap.OpMessage, mcap.OpChunk, mcap.OpAttachment, mcap.OpMetadata:
		if r.part.tail > 0 {
			return errors.New("it is behind the end of the messages")
		}
	}
	switch op {
	case mcap.OpMessage:
		head, err := r.take(messageHead)
		if err != nil {
			return err
		}
		return r.part.defs.parseMessage(head, m)
	case mcap.OpSchema, mcap.OpChannel:
		b, err := r.body()
		if err != nil {
			return err
		}
		if err = r.define(op, b); err == nil && r.check != nil && r.part.tail > 0 {
			r.check.definition(r, op, b)
		}
		return err
	}
	if op >= firstPrivate {
		r.stats.Private++
	}
	if r.inChunk {
		if op == mcap.OpChunk {
			return errors.New("a chunk within a chunk")
		}
		return nil
	}
	switch op {
	case mcap.OpHeader:
		return r.header()
	case mcap.OpChunk:
		return r.open()
	case mcap.OpMetadata:
		return r.metadata()
	case mcap.OpAttachment:
		return r.attachment()
	case mcap.OpDataEnd:
		return r.dataEnd()
	case mcap.OpStatistics:
		return r.statistics()
	case mcap.OpFooter:
		return r.footer()
	}
	if r.check != nil {
		return r.check.other(r, op)
	}
	return nil
}

// body reads a record into memory of which a part is kept.
func (r *Reader) body() ([]byte, error) {
	n := r.rest
	if err := r.kept.room(saturate(n, 0, 2) + recordCost); err != nil {
		return nil, err
	}
	return r.take(n)
}

// define adds a definition. Where it contradicts an earlier one, the earlier one no longer applies. The new one does if a CRC confirms its
// bytes; otherwise it may be damaged, and what the summary says applies, if there is one.
func (r *Reader) define(op mcap.OpCode, b []byte) error {
	err := r.add(op, b)
	if errors.Is(err, errRedefined) && r.part.tail == 0 {
		r.part.defs = r.part.defs.without(op, b, &r.kept) // a Plan needs the earlier ones for the messages before
		if r.inChunk && r.chunk.confirmed {
			if full := r.add(op, b); full != nil {
				err = full
			}
		}
	}
	return err
}

// add adds a definition that contradicts no earlier one.
func (r *Reader) add(op mcap.OpCode, b []byte) error {
	defs := r.part.defs
	before := defs.unused
	defer func() { r.stats.Unused += uint64(defs.unused - before) }()
	if op == mcap.OpSchema {
		return r.part.defs.addSchema(b, &r.kept)
	}
	ch, err := r.part.defs.addChannel(b, &r.kept)
	if ch != nil {
		r.channels = append(r.channels, ch)
	}
	return err
}

func (r *Reader) header() error {
	b, err := r.body()
	if err != nil {
		return err
	}
	c := cursor{b: b}
	profile, library := c.string(), c.string()
	if c.err == nil && r.stats.Profile == "" && r.stats.Library == "" {
		c.err = r.kept.take(uint64(len(profile) + len(library)))
		r.stats.Profile, r.stats.Library = profile, library
	}
	if r.check != nil && c.err == nil {
		r.check.header(r.at.off, profile, library)
	}
	return c.err
}

func (r *Reader) metadata() error {
	b, err := r.body()
	if err != nil {
		return err
	}
	c := cursor{b: b}
	m := Metadata{Name: c.string()}
	entries := c.entries()
	if c.err != nil {
		return c.err
	}
	if err := r.kept.take(uint64(len(b)) + recordCost + entries*entryCost); err != nil {
		return err
	}
	if m.Values = c.strings(); c.err != nil {
		return c.err
	}
	r.stats.Metadata = append(r.stats.Metadata, m)
	r.part.counts.metadata++
	if r.check != nil {
		r.check.place(r, mcap.OpMetadata, placed{name: m.Name})
	}
	return nil
}

// open enters a chunk: its records are the next ones.
func (r *Reader) open() error {
	r.part.chunked = true
	h, err := r.chunkHead()
	if err != nil {
		return err
	}
	if r.cut {
		return r.enterCut(&h)
	}
	// The CRC is updated while the bytes are in memory: a small chunk is in memory as a whole after it was read.
	if err := r.part.sum.update(&r.file, r.pos-int64(r.rest)); err != nil {
		return err
	}
	if err := r.enter(&h, false); err != nil {
		return err
	}
	r.part.counts.chunks++
	name := h.compression
	if name == noCompression {
		name = ""
	}
	s := r.stats.Chunks[name]
	s.Chunks++
	s.Compressed += h.packed
	s.Uncompressed += h.size
	r.stats.Chunks[name] = s
	if r.check != nil {
		r.check.chunk(r, &h)
	}
	return nil
}
