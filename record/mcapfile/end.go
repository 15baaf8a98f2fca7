package mcapfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/foxglove/mcap/go/mcap"
)

// A checksum is the CRC of the bytes of a file from base to to.
type checksum struct {
	base  int64 // beginning of the part
	to    int64
	crc   uint32
	known bool // the file probably has a CRC to compare with
}

func newChecksum(base int64) checksum { return checksum{base: base, to: base} }

// update includes the bytes before pos.
func (c *checksum) update(file *window, pos int64) error {
	for c.known && c.to < pos {
		b, err := file.some(c.to, uint64(pos-c.to))
		if err != nil {
			return err
		}
		c.crc = crc32.Update(c.crc, crc32.IEEETable, b)
		c.to += int64(len(b))
	}
	return nil
}

// sumOf returns the CRC of a range of the file.
func (w *window) sumOf(from, to int64) (uint32, error) {
	c := newChecksum(from)
	c.known = true
	err := c.update(w, to)
	return c.crc, err
}

var errSum = errors.New("its CRC is wrong")

// Sizes in bytes of the records at the end of a part.
const (
	dataEndSize = recordHead + 4
	footerSize  = recordHead + 8 + 8 + 4
)

// mayHaveChecksum reports whether the part that begins may have a CRC of its data section. If the end of the file belongs
// to the part, its data end record is checked, so that no data is read for a missing CRC.
func (r *Reader) mayHaveChecksum() bool {
	summary, ok := r.summaryStart()
	if !ok {
		return true
	}
	b, err := r.file.at(summary-dataEndSize, dataEndSize)
	return err != nil || mcap.OpCode(b[0]) != mcap.OpDataEnd || binary.LittleEndian.Uint32(b[recordHead:]) != 0
}

// summaryStart returns the beginning of the part's summary if the footer at the end of the file belongs to this part. It
// may also belong to a later part.
func (r *Reader) summaryStart() (int64, bool) {
	at := r.file.size - int64(len(mcap.Magic)) - footerSize
	if is, err := r.isMagic(r.file.size - int64(len(mcap.Magic))); err != nil || !is || at < r.part.base {
		return 0, false
	}
	b, err := r.file.at(at, footerSize)
	if err != nil || mcap.OpCode(b[0]) != mcap.OpFooter {
		return 0, false
	}
	start := binary.LittleEndian.Uint64(b[recordHead:])
	if start == 0 {
		return at, at-dataEndSize > r.part.base
	}
	if start < dataEndSize || start > uint64(at-r.part.base) {
		return 0, false
	}
	return r.part.base + int64(start), true
}

func (r *Reader) dataEnd() error {
	if r.part.tail > 0 {
		return nil
	}
	r.part.tail = r.pos
	c := cursor{}
	c.b, c.err = r.take(4)
	want := c.uint32()
	if r.check != nil {
		r.check.dataEnd(r, want)
	}
	if c.err != nil || want == 0 || !r.part.sum.known || r.part.damaged {
		return c.err
	}
	if err := r.part.sum.update(&r.file, r.at.off); err != nil {
		return err
	}
	if r.part.sum.crc != want {
		r.part.sumError = &InvalidRecordError{Offset: r.part.base, Record: "the data section that begins", Err: errSum}
	}
	return nil
}

// statistics compares the records that were read with the counts in the file.
func (r *Reader) statistics() error {
	if r.check != nil {
		if err := r.check.statistics(r); err != nil {
			return err
		}
	}
	c := cursor{}
	c.b, c.err = r.take(8 + 2 + 4 + 4 + 4 + 4)
	messages := c.uint64()
	c.take(2 + 4) // schemas and channels; some tools count only those in use
	said := counts{messages: messages, attachments: uint64(c.uint32()), metadata: uint64(c.uint32()), chunks: uint64(c.uint32())}
	if c.err != nil || r.part.damaged || said == r.part.counts {
		return c.err
	}
	for _, n := range []struct {
		what      string
		said, got uint64
	}{
		{"messages", said.messages, r.part.counts.messages}, {"attachments", said.attachments, r.part.counts.attachments},
		{"metadata records", said.metadata, r.part.counts.metadata}, {"chunks", said.chunks, r.part.counts.chunks},
	} {
		if n.said != n.got {
			return fmt.Errorf("it says %d %s, and %d were found", n.said, n.what, n.got)
		}
	}
	return nil
}

// footer handles the end of a part: the magic must follow, and then another part or nothing.
func (r *Reader) footer() error {
	b, err := r.take(8 + 8 + 4)
	if err != nil {
		return err
	}
	start, want := binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint32(b[16:])
	if r.check != nil {
		r.check.footer(r, start, binary.LittleEndian.Uint64(b[8:]))
	}
	end := r.pos
	is, err := r.isMagic(end)
	if err != nil {
		return err
	}
	if !is {
		return &TruncatedError{Offset: r.at.off, Reason: "the magic at the end is missing"}
	}
	if r.part.tail == 0 && !r.part.damaged {
		r.note(mcap.OpFooter, &InvalidRecordError{Offset: r.at.off, Record: "the end of the data section before the footer", Err: errors.New("it is missing")})
	}
	if r.part.sumError != nil {
		r.note(mcap.OpFooter, r.part.sumError)
	}
	if want != 0 {
		from := r.at.off
		if start != 0 {
			from = r.part.base + int64(min(start, uint64(from-r.part.base)))
		}
		if got, err := r.file.sumOf(from, end-4); err != nil {
			return err
		} else if got != want {
			r.note(mcap.OpFooter, &InvalidRecordError{Offset: from, Record: "the summary", Err: errSum})
		}
	}
	return r.endPart(end + int64(len(mcap.Magic)))
}

// endPart continues after the end of a part.
func (r *Reader) endPart(end int64) error {
	left := r.file.left(end)
	if left == 0 {
		return errEnd
	}
	is, err := r.isMagic(end)
	if err != nil {
		return err
	}
	if is {
		r.begin(end)
		return nil
	}
	r.seek(r.file.size)
	r.pending = append(r.pending, &TrailingError{Offset: end, Bytes: left})
	return errEnd
}
