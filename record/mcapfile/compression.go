package mcapfile

import (
	"bytes"
	"fmt"

	"github.com/foxglove/mcap/go/mcap"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// Compression is the compression of chunks. The zero value is Zstd.
type Compression string

// The compressions of MCAP.
const (
	Zstd         Compression = "zstd"
	LZ4          Compression = "lz4"
	Uncompressed Compression = "none"
)

// levels are the compression levels, from 1 = fastest on.
var levels = map[Compression]int{Zstd: 22, LZ4: 10, Uncompressed: 0}

// check returns an error if the compression or the level does not exist. Level 0 is the fastest.
func (c Compression) check(level int) error {
	highest, ok := levels[c]
	switch {
	case !ok:
		return fmt.Errorf("%.100q is not a compression; there are zstd, lz4 and none", string(c))
	case level != 0 && highest == 0:
		return fmt.Errorf("%d is not a level of compression %s, which has none; leave it out", level, c)
	case level < 0 || level > highest:
		return fmt.Errorf("%d is not a level of compression %s; choose one from 1 (fastest) to %d (smallest)", level, c, highest)
	}
	return nil
}

// A compressor compresses chunks. Several goroutines may use their own ones.
type compressor interface {
	// compress appends the compressed src to dst.
	compress(dst, src []byte) ([]byte, error)
}

func newCompressor(c Compression, level int) (compressor, error) {
	switch c {
	case Zstd:
		// EncodeAll uses the calling goroutine only.
		e, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true),
			zstd.WithEncoderLevel(zstd.EncoderLevelFromZstd(max(level, 1))))
		return zstdCompressor{e}, err
	case LZ4:
		w := lz4.NewWriter(nil)
		lz4Level := lz4.Fast
		if level > 1 {
			lz4Level = lz4.CompressionLevel(1 << (7 + level)) // Level1 to Level9
		}
		err := w.Apply(lz4.CompressionLevelOption(lz4Level), lz4.ConcurrencyOption(1), lz4.ChecksumOption(false), lz4.BlockSizeOption(lz4.Block1Mb))
		return lz4Compressor{w}, err
	}
	return nil, nil
}

type zstdCompressor struct{ *zstd.Encoder }

func (c zstdCompressor) compress(dst, src []byte) ([]byte, error) {
	return c.EncodeAll(src, withRoom(dst, mostPacked(src))), nil
}

type lz4Compressor struct{ w *lz4.Writer }

func (c lz4Compressor) compress(dst, src []byte) ([]byte, error) {
	b := bytes.NewBuffer(withRoom(dst, mostPacked(src)))
	c.w.Reset(b)
	if _, err := c.w.Write(src); err != nil {
		return nil, err
	}
	err := c.w.Close()
	return b.Bytes(), err
}

// withRoom returns an empty slice with room for n bytes, in the memory of b if that suffices. Memory that is made at once, unlike memory that
// grows, takes only what is used of it.
func withRoom(b []byte, n int) []byte {
	if cap(b) >= n {
		return b[:0]
	}
	return make([]byte, 0, n)
}

// mostPacked is about the size of the compressed src, if nothing in it can be compressed.
func mostPacked(src []byte) int { return len(src) + len(src)/1024 + 1024 }

// Samples of a chunk that are compressed to see whether it is worth it.
const (
	trialSamples    = 4
	trialSize       = 16 << 10
	trialLeast      = 4 * trialSamples * trialSize // bytes of a smaller chunk are compressed without a trial
	trialWorthwhile = 0.97
)

// worthwhile reports whether a part of the records becomes smaller. Images and videos are compressed already, and trying to
// compress all of them costs more than everything else.
func worthwhile(c compressor, records, scratch []byte) (bool, error) {
	if len(records) < trialLeast {
		return true, nil
	}
	var trial []byte
	step := len(records) / trialSamples
	for i := range trialSamples {
		at := i*step + (step-trialSize)/2
		trial = append(trial, records[at:at+trialSize]...)
	}
	packed, err := c.compress(scratch[:0], trial)
	return float64(len(packed)) < trialWorthwhile*float64(len(trial)), err
}

// mcapName is the name of the compression in a chunk record.
func (c Compression) mcapName() string {
	switch c {
	case Zstd:
		return string(mcap.CompressionZSTD)
	case LZ4:
		return string(mcap.CompressionLZ4)
	}
	return string(mcap.CompressionNone)
}
