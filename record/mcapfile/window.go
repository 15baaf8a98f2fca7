package mcapfile

import (
	"io"
)

// A window is the part of a file that is in memory. It never asks for bytes that the file does not have, so it cannot be
// made to allocate more than the file is long.
type window struct {
	src  io.ReaderAt
	size int64
	off  int64 // of buf
	buf  []byte
}

const windowSize = 64 << 10

// left returns how many bytes follow pos.
func (w *window) left(pos int64) uint64 { return uint64(max(w.size-pos, 0)) }

// at returns n bytes at pos, at most left(pos). They are valid until the next call.
func (w *window) at(pos int64, n uint64) ([]byte, error) {
	if n > w.left(pos) {
		return nil, io.ErrUnexpectedEOF
	}
	if pos < w.off || pos+int64(n) > w.off+int64(len(w.buf)) {
		want := min(max(n, windowSize), w.left(pos))
		if uint64(cap(w.buf)) < want || cap(w.buf) > keepCapacity {
			w.buf = make([]byte, want)
		}
		w.off, w.buf = pos, w.buf[:want]
		got, err := w.src.ReadAt(w.buf, pos)
		w.buf = w.buf[:got]
		if uint64(got) < n {
			if err == nil || err == io.EOF { // the file got shorter while it was read
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
	from := pos - w.off
	return w.buf[from : from+int64(n)], nil
}
