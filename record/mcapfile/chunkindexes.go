package mcapfile

import (
	"encoding/binary"
	"errors"
	"io"

	"github.com/foxglove/mcap/go/mcap"
	"github.com/klauspost/compress/zstd"
)

// chunkIndexes keeps the indexes of the chunks that were written, up to the end of the file. Each
// channel of a chunk takes 2 bytes, and compressed less than one.
type chunkIndexes struct {
	groups [][]byte // compressed
	last   []byte   // indexes that are not in a group
	packer compressor
	end    int64  // of the chunk before, with its message indexes
	start  uint64 // log time of the chunk before
	packed []byte // memory for a group
}

// groupSize is the number of bytes of indexes that are compressed together.
const groupSize = 64 << 10

// add adds a chunk that was written at a position, with its indexes by channel.
func (x *chunkIndexes) add(at int64, c *mcap.Chunk, indexes []*mcap.MessageIndex) error {
	b := binary.AppendUvarint(x.last, uint64(at-x.end))
	b = binary.AppendVarint(b, int64(c.MessageStartTime-x.start))
	b = binary.AppendUvarint(b, c.MessageEndTime-c.MessageStartTime)
	b = binary.AppendUvarint(b, uint64(len(c.Compression)))
	b = append(b, c.Compression...)
	b = binary.AppendUvarint(b, uint64(len(c.Records)))
	b = binary.AppendUvarint(b, c.UncompressedSize)
	b = binary.AppendUvarint(b, uint64(len(indexes)))
	x.end, x.start = at+chunkLength(len(c.Compression), uint64(len(c.Records))), c.MessageStartTime
	id := uint16(0)
	for _, i := range indexes {
		b = binary.AppendUvarint(b, uint64(i.ChannelID-id))
		id = i.ChannelID
		b = binary.AppendUvarint(b, uint64(len(i.Entries())))
		x.end += messageIndexLength(uint64(len(i.Entries())))
	}
	if x.last = b; len(b) < groupSize {
		return nil
	}
	var err error
	if x.packer == nil {
		if x.packer, err = newCompressor(Zstd, 1); err != nil {
			return err
		}
	}
	if x.packed, err = x.packer.compress(x.packed, b); err != nil {
		return err
	}
	x.groups, x.last = append(x.groups, append([]byte(nil), x.packed...)), b[:0]
	return nil
}

func chunkLength(compression int, packed uint64) int64 {
	return recordHead + 8 + 8 + 8 + 4 + 4 + int64(compression) + 8 + int64(packed)
}

func messageIndexLength(messages uint64) int64 {
	return recordHead + 2 + 4 + messageIndexEntry*int64(messages)
}

// writeTo writes the index records.
func (x *chunkIndexes) writeTo(dst io.Writer) error {
	x.end, x.start = 0, 0
	var group []byte
	if len(x.groups) > 0 {
		d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
		if err != nil {
			return err
		}
		defer d.Close()
		for _, g := range x.groups {
			if group, err = d.DecodeAll(g, group[:0]); err != nil {
				return err
			}
			if err := x.writeGroup(dst, group); err != nil {
				return err
			}
		}
	}
	return x.writeGroup(dst, x.last)
}

func (x *chunkIndexes) writeGroup(dst io.Writer, group []byte) error {
	c := varints{b: group}
	var record []byte
	for len(c.b) > 0 && !c.short {
		record = x.appendRecord(record[:0], &c)
		if _, err := dst.Write(record); err != nil {
			return err
		}
	}
	if c.short {
		return errors.New("the index of the chunks is not what was kept")
	}
	return nil
}

// appendRecord appends the index record of the next chunk.
func (x *chunkIndexes) appendRecord(b []byte, c *varints) []byte {
	at := x.end + int64(c.unsigned())
	x.start += uint64(c.signed())
	duration := c.unsigned()
	compression := c.take(c.unsigned())
	packed, size, channels := c.unsigned(), c.unsigned(), c.unsigned()
	length := chunkLength(len(compression), packed)
	x.end = at + length

	b = append(b, byte(mcap.OpChunkIndex), 0, 0, 0, 0, 0, 0, 0, 0)
	for _, v := range []uint64{x.start, x.start + duration, uint64(at), uint64(length)} {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(channels*(2+8)))
	id := uint16(0)
	for range channels {
		if c.short {
			return b
		}
		id += uint16(c.unsigned())
		b = binary.LittleEndian.AppendUint16(b, id)
		b = binary.LittleEndian.AppendUint64(b, uint64(x.end))
		x.end += messageIndexLength(c.unsigned())
	}
	b = binary.LittleEndian.AppendUint64(b, uint64(x.end-at-length))
	b = appendText(b, string(compression))
	b = binary.LittleEndian.AppendUint64(b, packed)
	b = binary.LittleEndian.AppendUint64(b, size)
	binary.LittleEndian.PutUint64(b[1:], uint64(len(b)-recordHead))
	return b
}

// varints reads numbers of variable length.
type varints struct {
	b     []byte
	short bool // there were fewer
}

func (v *varints) take(n uint64) []byte {
	if n > uint64(len(v.b)) {
		v.b, v.short = nil, true
		return nil
	}
	b := v.b[:n]
	v.b = v.b[n:]
	return b
}

func (v *varints) unsigned() uint64 {
	u, n := binary.Uvarint(v.b)
	v.short = v.short || n <= 0
	v.take(uint64(max(n, 0)))
	return u
}

func (v *varints) signed() int64 {
	i, n := binary.Varint(v.b)
	v.short = v.short || n <= 0
	v.take(uint64(max(n, 0)))
	return i
}
