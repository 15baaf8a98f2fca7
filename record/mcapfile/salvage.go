package mcapfile

import (
	"encoding/binary"

	"github.com/foxglove/mcap/go/mcap"
)

// Salvage lets Next also return the complete messages of a chunk at the end of the file that is cut off. Nothing confirms that their
// bytes are right, because the CRC is that of the whole chunk. Skim may then return a message without its whole payload. It must be
// called before the first message.
func (r *Reader) Salvage() { r.salvages = true }

// isCutChunk reports whether the record at pos is a chunk that lacks its end: its length is that of its fields.
func (r *Reader) isCutChunk(pos int64) bool {
	head, err := r.file.at(pos, recordHead)
	if err != nil || mcap.OpCode(head[0]) != mcap.OpChunk || r.part.tail > 0 {
		return false
	}
	length := binary.LittleEndian.Uint64(head[1:])
	need, ok := r.file.measure(pos, mcap.OpChunk, length)
	return ok && need == length && length > r.file.left(pos+recordHead)
}

// openCut enters a chunk that lacks its end.
func (r *Reader) openCut() error {
	h, err := r.chunkHead()
	if err != nil {
		return err
	}
	h.packed = min(h.packed, r.rest)
	r.input = buffered(r.input, r.file.section(r.pos-int64(r.rest), h.packed))
	src, err := r.unpack.open(&h, r.input)
	if err != nil {
		return r.unpack.failed(err)
	}
	r.output = buffered(r.output, src)
	r.chunk, r.inChunk, r.rest = records{size: h.size, left: h.size, stream: r.output}, true, 0
	return nil
}
