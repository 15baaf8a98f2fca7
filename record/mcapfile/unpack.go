package mcapfile

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/foxglove/mcap/go/mcap"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// A chunkHead is a chunk record without its records.
type chunkHead struct {
	start, end  uint64
	size        uint64 // uncompressed
	crc         uint32 // 0 = not known
	compression string
	packed      []byte
}

func parseChunk(b []byte) (chunkHead, error) {
	c := cursor{b: b}
	h := chunkHead{start: c.uint64(), end: c.uint64(), size: c.uint64(), crc: c.uint32(), compression: c.string()}
	h.packed = c.take(c.uint64())
	return h, c.err
}

// An unpacker undoes the compression of chunks. It is for one goroutine at a time.
type unpacker struct {
	limit uint64
	zstd  *zstd.Decoder
	lz4   *lz4.Reader
}

// maxZstdWindow is what the zstd tool itself accepts without being told otherwise.
const maxZstdWindow = 128 << 20

// unpack appends the records of a chunk to dst, which has no content, and checks them.
func (u *unpacker) unpack(dst []byte, h *chunkHead) ([]byte, error) {
	if h.size > u.limit {
		return dst, &LimitError{What: "a chunk", Size: h.size, Limit: u.limit}
	}
	var src io.Reader
	switch mcap.CompressionFormat(h.compression) {
	case mcap.CompressionNone:
		src = bytes.NewReader(h.packed)
	case mcap.CompressionZSTD:
		if err := u.resetZstd(h.packed); err != nil {
			return dst, err
		}
		src = u.zstd
	case mcap.CompressionLZ4:
		if u.lz4 == nil {
			u.lz4 = lz4.NewReader(nil)
		}
		u.lz4.Reset(bytes.NewReader(h.packed))
		src = u.lz4
	default:
		return dst, fmt.Errorf("unknown compression %.40q", h.compression)
	}
	dst, err := readAll(dst, src, h.size, uint64(len(h.packed)))
	if err != nil {
		return dst, err
	}
	if h.crc != 0 && crc32.ChecksumIEEE(dst) != h.crc {
		return dst, errors.New("its CRC is wrong")
	}
	return dst, nil
}

func (u *unpacker) resetZstd(packed []byte) error {
	if u.zstd != nil {
		return u.zstd.Reset(bytes.NewReader(packed))
	}
	var err error
	// With a concurrency of 1 the decoder has no goroutines, so it needs no Close.
	u.zstd, err = zstd.NewReader(bytes.NewReader(packed), zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(maxZstdWindow), zstd.WithDecoderMaxMemory(max(u.limit, maxZstdWindow)))
	return err
}

// readAll reads exactly size bytes. The size is the file's word: memory is taken as the data really comes, at first for a
// good compression of what is there.
func readAll(dst []byte, src io.Reader, size, packed uint64) ([]byte, error) {
	first := min(size, max(16*packed, 64<<10))
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
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return dst, fmt.Errorf("it holds %d bytes and says %d", len(dst), size)
		}
		if err != nil {
			return dst, err
		}
	}
	var more [1]byte
	if n, err := io.ReadFull(src, more[:]); n != 0 {
		return dst, fmt.Errorf("it holds more than the %d bytes it says", size)
	} else if err != io.EOF {
		return dst, err
	}
	return dst, nil
}
