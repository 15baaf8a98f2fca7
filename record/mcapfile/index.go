package mcapfile

import (
	"slices"

	"github.com/foxglove/mcap/go/mcap"
)

// readIndex reads the summary at the end of a part, once, when the part is damaged. The summary has the positions of the
// chunks and repeats the schemas and channels.
func (r *Reader) readIndex() {
	if r.part.index != nil {
		return
	}
	r.part.index = new(index)
	start, ok := r.summaryStart()
	if !ok {
		return
	}
	s := summary{walker: newWalker(r.file.src, r.file.size, r.limits), base: r.part.base, kept: r.kept}
	if s.seek(start); !s.read(r) {
		return // the summary belongs to another part or is damaged
	}
	slices.Sort(s.offsets)
	r.part.index.offsets, r.part.index.chunks = slices.Compact(s.offsets), s.chunks
	r.repeated(&s, start)
}

// repeated adds the definitions of a summary. Definitions that contradict those of the part are ignored.
func (r *Reader) repeated(s *summary, start int64) {
	s.seek(start)
	_ = s.each(func(op mcap.OpCode) error {
		if (op == mcap.OpSchema || op == mcap.OpChannel) && r.kept.room(2*s.rest+recordCost) == nil {
			if b, err := s.take(s.rest); err == nil {
				_ = r.add(op, b)
			}
		}
		return nil
	})
}

// A summary is read with a walker of its own, beside the reader of the part.
type summary struct {
	walker
	base    int64
	kept    budget
	offsets []int64
	chunks  bool
}

// read collects the offsets and reports whether the summary is valid: it follows the end of the messages, its records are
// contiguous up to the footer at the end of the file, and everything that it refers to exists.
func (s *summary) read(r *Reader) bool {
	start := s.pos
	end, err := s.file.at(start-dataEndSize, dataEndSize)
	if err != nil || mcap.OpCode(end[0]) != mcap.OpDataEnd {
		return false
	}
	s.offsets = append(s.offsets, start-dataEndSize)
	err = s.each(func(op mcap.OpCode) error {
		skip, want := uint64(0), mcap.OpChunk
		switch op {
		case mcap.OpChunkIndex:
			skip = 8 + 8
		case mcap.OpAttachmentIndex:
			want = mcap.OpAttachment
		case mcap.OpMetadataIndex:
			want = mcap.OpMetadata
		default:
			return nil
		}
		c := cursor{}
		c.b, c.err = s.take(skip + 8)
		c.take(skip)
		offset := c.uint64()
		if c.err != nil || offset > uint64(start-s.base) {
			return c.err
		}
		at := s.base + int64(offset)
		head, err := r.file.at(at, recordHead)
		if err != nil || mcap.OpCode(head[0]) != want {
			return nil // the record or the index is damaged
		}
		if err := s.kept.take(16); err != nil {
			return err
		}
		s.offsets = append(s.offsets, at)
		s.chunks = s.chunks || want == mcap.OpChunk
		return nil
	})
	return err == nil && s.pos == s.file.size-int64(len(mcap.Magic))
}

// each calls fn with every record up to the footer.
func (s *summary) each(fn func(op mcap.OpCode) error) error {
	for {
		op, err := s.nextOfFile()
		if err != nil || op == mcap.OpFooter {
			return err
		}
		if err := fn(op); err != nil {
			return err
		}
	}
}
