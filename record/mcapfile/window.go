package mcapfile

import (
	"cmp"
	"errors"
	"fmt"
	"io"
)

// A window is the part of a file that is in memory. It never requests bytes beyond the end of the file, so a hostile length
// cannot make it allocate more than the file's size.
type window struct {
	src  io.ReaderAt
	size int64
	off  int64 // of buf
	buf  []byte
	// least is the number of bytes read at once; 0 = windowSize.
	least uint64
}

const windowSize = 64 << 10

// errRead marks errors of the operating system, as opposed to faults of the file.
var errRead = errors.New("read the recording")

// left returns the number of bytes after pos.
func (w *window) left(pos int64) uint64 { return uint64(max(w.size-pos, 0)) }

// at returns n bytes at pos, valid until the next call. The error is io.ErrUnexpectedEOF if the file is shorter.
func (w *window) at(pos int64, n uint64) ([]byte, error) {
	if n > w.left(pos) {
		return nil, io.ErrUnexpectedEOF
	}
	if pos < w.off || pos+int64(n) > w.off+int64(len(w.buf)) {
		want := min(max(n, cmp.Or(w.least, windowSize)), w.left(pos))
		if uint64(cap(w.buf)) < want || cap(w.buf) > blockSize {
			w.buf = make([]byte, want)
		}
		w.off, w.buf = pos, w.buf[:want]
		got, err := w.src.ReadAt(w.buf, pos)
		w.buf = w.buf[:got]
		if uint64(got) < n {
			return nil, readError(err)
		}
	}
	from := pos - w.off
	return w.buf[from : from+int64(n)], nil
}

// some returns the bytes at pos: at most n, and at most one window.
func (w *window) some(pos int64, n uint64) ([]byte, error) {
	if have := w.off + int64(len(w.buf)) - pos; pos >= w.off && have > 0 {
		return w.at(pos, min(n, uint64(have)))
	}
	return w.at(pos, min(n, windowSize))
}

// read fills dst with the bytes at pos.
func (w *window) read(dst []byte, pos int64) error {
	if uint64(len(dst)) > w.left(pos) {
		return io.ErrUnexpectedEOF
	}
	n, err := w.src.ReadAt(dst, pos)
	if n < len(dst) {
		return readError(err)
	}
	return nil
}

// readError distinguishes a file that became shorter during reading from one that cannot be read.
func readError(err error) error {
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return io.ErrUnexpectedEOF
	}
	return fmt.Errorf("%w: %w", errRead, err)
}

// A section reads a part of the file in order. It stores errors of the operating system, because a decompressor may hide
// them.
type section struct {
	io.SectionReader
	err error
}

func (w *window) section(pos int64, n uint64) *section {
	return &section{SectionReader: *io.NewSectionReader(w.src, pos, int64(n))}
}

func (s *section) Read(p []byte) (int, error) {
	n, err := s.SectionReader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = readError(err)
	}
	return n, err
}
