package mcapfile

import (
	"bufio"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/foxglove/mcap/go/mcap"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// A chunkHead is a chunk record without the records in it.
type chunkHead struct {
	start, end  uint64 // log times
	size        uint64 // uncompressed
	crc         uint32 // 0 = unknown
	compression string
	packed      uint64 // bytes
}

// noCompression is a name that some tools write instead of "".
const noCompression = "none"

// An unpacker decompresses chunks. It is for one goroutine and one chunk at a time.
//
// For every compression a chunk consists of the frames that are needed for its stated size. Bytes after these frames are
// ignored, unless they decompress to more of the chunk.
type unpacker struct {
	limits shares
	window uint64 // the largest one of zstd so far
	zstd   *zstd.Decoder
	lz4    *lz4.Reader
}

// open returns a reader of the records of a chunk.
func (u *unpacker) open(h *chunkHead, packed *bufio.Reader) (io.Reader, error) {
	switch mcap.CompressionFormat(h.compression) {
	case mcap.CompressionNone, noCompression:
		return packed, nil
	case mcap.CompressionZSTD:
		if err := u.checkWindow(packed); err != nil {
			return nil, err
		}
		if u.zstd != nil {
			return u.zstd, u.zstd.Reset(packed)
		}
		var err error
		// With a concurrency of 1 the decoder has no goroutines and needs no Close.
		u.zstd, err = zstd.NewReader(packed, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(max(u.limits.window, zstd.MinWindowSize)))
		return u.zstd, err
	case mcap.CompressionLZ4:
		if u.lz4 == nil {
			u.lz4 = lz4.NewReader(nil)
		}
		u.lz4.Reset(packed)
		return &lz4Frames{frame: u.lz4, src: packed}, nil
	}
	return nil, fmt.Errorf("unknown compression %.40q", h.compression)
}

// checkWindow returns an error with the memory need of the first zstd frame if it is too large. For further frames the
// decoder reports only that the limit is exceeded.
func (u *unpacker) checkWindow(packed *bufio.Reader) error {
	b, _ := packed.Peek(zstd.HeaderMaxSize)
	var h zstd.Header
	if h.Decode(b) != nil {
		return nil // the decoder reports the error
	}
	need := h.WindowSize
	if h.SingleSegment {
		need = h.FrameContentSize
	}
	if need > max(u.limits.window, zstd.MinWindowSize) {
		return &MemoryLimitError{What: "the zstd window of a chunk", Size: saturate(need, 0, windowShare), Limit: u.limits.whole}
	}
	u.window = max(u.window, need)
	return nil
}

// failed wraps an error of a decompressor.
func (u *unpacker) failed(err error) error {
	if errors.Is(err, zstd.ErrWindowSizeExceeded) {
		return &MemoryLimitError{What: "the zstd window of a chunk", Size: 2 * u.limits.whole, Limit: u.limits.whole}
	}
	return err
}

// unpack appends the records of a chunk to dst, which must be empty, and checks them.
func (u *unpacker) unpack(dst []byte, h *chunkHead, packed *bufio.Reader) ([]byte, error) {
	src, err := u.open(h, packed)
	if err != nil {
		return dst, u.failed(err)
	}
	dst, err = readAll(dst, src, h.size, h.packed)
	if err != nil {
		return dst, u.failed(err)
	}
	return dst, h.check(src, crc32.ChecksumIEEE(dst))
}

// verify checks the records of a chunk without keeping them.
func (u *unpacker) verify(h *chunkHead, packed *bufio.Reader) error {
	src, err := u.open(h, packed)
	if err != nil {
		return u.failed(err)
	}
	crc := crc32.NewIEEE()
	buffer := make([]byte, windowSize)
	for done := uint64(0); done < h.size; {
		n, err := src.Read(buffer[:min(uint64(len(buffer)), h.size-done)])
		crc.Write(buffer[:n])
		done += uint64(n)
		if err != nil && done < h.size {
			return u.failed(short(err, done, h.size))
		}
	}
	return h.check(src, crc.Sum32())
}

// check verifies the CRC, and that src has no records beyond the stated size.
func (h *chunkHead) check(src io.Reader, crc uint32) error {
	if h.crc != 0 && crc != h.crc {
		return errors.New("its CRC is wrong")
	}
	var more [1]byte
	n, err := io.ReadFull(src, more[:])
	switch {
	case n != 0:
		return fmt.Errorf("it holds more than the %d bytes it says", h.size)
	case errors.Is(err, zstd.ErrCRCMismatch) && h.crc == 0:
		return err
	}
	return nil // the end, or bytes that are not another frame
}

func short(err error, have, size uint64) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("it holds %d bytes and says %d", have, size)
	}
	return err
}

// readAll reads exactly size bytes. size comes from the file and is not trusted: memory is allocated as data arrives, at
// first for a good compression ratio of the packed bytes.
func readAll(dst []byte, src io.Reader, size, packed uint64) ([]byte, error) {
	first := min(size, max(16*min(packed, 1<<30), 64<<10))
	if uint64(cap(dst)) < first {
		dst = make([]byte, 0, first)
	}
	for uint64(len(dst)) < size {
		if len(dst) == cap(dst) {
			grown := make([]byte, len(dst), min(size, 2*uint64(cap(dst))))
			copy(grown, dst)
			dst = grown
		}
		n, err := io.ReadFull(src, dst[len(dst):min(uint64(cap(dst)), size)])
		dst = dst[:len(dst)+n]
		if err != nil {
			return dst, short(err, uint64(len(dst)), size)
		}
	}
	return dst, nil
}

// lz4Frames reads consecutive frames.
type lz4Frames struct {
	frame *lz4.Reader
	src   *bufio.Reader
	ended bool // the frame has ended; the decoder must not be called again
}

func (f *lz4Frames) Read(p []byte) (int, error) {
	for {
		if f.ended {
			if _, err := f.src.Peek(1); err != nil {
				return 0, err
			}
			f.frame.Reset(f.src)
			f.ended = false
		}
		n, err := f.frame.Read(p)
		if !errors.Is(err, io.EOF) {
			return n, err
		}
		f.ended = true
		if n > 0 {
			return n, nil
		}
	}
}
