package mcapfile

import (
	"encoding/binary"
	"io"
	"math"

	"github.com/foxglove/mcap/go/mcap"
)

// Salvage lets the Reader also return the complete messages of a chunk at the end of the file that is cut off. Nothing confirms that their
// bytes are right, because the CRC is that of the whole chunk. It must be called before the first message.
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

// beginCut makes the chunk at off that lacks its end the current record. end is the end of its file.
func (w *walker) beginCut(off, end int64) {
	w.at, w.rest, w.pos, w.cut = position{off: off}, uint64(end-off-recordHead), end, true
}

// enterCut enters a chunk that lacks its end and whose head was read. Its records end with what can be decompressed.
func (w *walker) enterCut(h *chunkHead) error {
	h.packed = min(h.packed, w.rest)
	if err := w.stream(h); err != nil {
		return err
	}
	n, _ := io.Copy(io.Discard, io.LimitReader(w.output, int64(min(h.size, math.MaxInt64)))) // the error is that of the lacking end
	if err := w.stream(h); err != nil {
		return err
	}
	w.chunk, w.inChunk, w.rest = records{size: uint64(n), left: uint64(n), stream: w.output}, true, 0
	return nil
}

// NewSalvagingPlan is NewPlan also for the messages that Reader.Salvage adds. src must not be Files.
func NewSalvagingPlan(src io.ReaderAt, size int64, limits *Limits, keep func(*Channel) bool) (*Plan, error) {
	return newPlan(src, size, limits, keep, byLogTime, true)
}
