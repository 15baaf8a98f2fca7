package mcapfile

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"hash/crc32"
	"slices"

	"github.com/foxglove/mcap/go/mcap"
)

// A fileWriter writes one file. The library frames its records. The end is written here, because the library keeps a map for each chunk until
// then: 18 MiB for each GB of a recording with 500 channels.
type fileWriter struct {
	*mcap.Writer
	sink     sink
	schemas  []*mcap.Schema
	known    map[uint16]bool // ids of these
	channels []*mcap.Channel
	chunks   chunkIndexes
}

// A sink counts the bytes of a file, and sums those of a section.
type sink struct {
	dst *bufio.Writer
	n   int64
	crc uint32
}

func (s *sink) Write(b []byte) (int, error) {
	n, err := s.dst.Write(b)
	s.n += int64(n)
	s.crc = crc32.Update(s.crc, crc32.IEEETable, b[:n])
	return n, err
}

// newFileWriter writes the beginning of a file.
func newFileWriter(dst *bufio.Writer, profile, library string) (*fileWriter, error) {
	f := &fileWriter{sink: sink{dst: dst}, known: make(map[uint16]bool)}
	var err error
	// Not Chunked: the library writes a chunk only when it is full. Chunks are therefore built here.
	if f.Writer, err = mcap.NewWriter(&f.sink, &mcap.WriterOptions{OverrideLibrary: true}); err != nil {
		return nil, err
	}
	return f, f.WriteHeader(&mcap.Header{Profile: profile, Library: library})
}

// Size returns the number of bytes written.
func (f *fileWriter) Size() int64 { return f.sink.n }

// WriteSchema writes a schema once, and the end of the file repeats it.
func (f *fileWriter) WriteSchema(s *mcap.Schema) error {
	if f.known[s.ID] {
		return nil
	}
	f.known[s.ID] = true
	f.schemas = append(f.schemas, s)
	return f.Writer.WriteSchema(s)
}

// WriteChannel writes a channel, which the end of the file repeats.
func (f *fileWriter) WriteChannel(c *mcap.Channel) error {
	f.channels = append(f.channels, c)
	return f.Writer.WriteChannel(c)
}

// writeChunk writes a chunk and the indexes of its messages, none of which is empty.
func (f *fileWriter) writeChunk(c *mcap.Chunk, indexes []*mcap.MessageIndex) error {
	at := f.Size()
	indexes = slices.Clone(indexes)
	slices.SortFunc(indexes, func(a, b *mcap.MessageIndex) int { return cmp.Compare(a.ChannelID, b.ChannelID) })
	if err := f.WriteChunkWithIndexes(c, indexes); err != nil {
		return err
	}
	clear(f.ChunkIndexes)
	f.ChunkIndexes = f.ChunkIndexes[:0]
	return f.chunks.add(at, c, indexes)
}

// Close writes the end of the file.
func (f *fileWriter) Close() error {
	if err := f.WriteDataEnd(&mcap.DataEnd{DataSectionCRC: f.sink.crc}); err != nil {
		return err
	}
	f.sink.crc = 0
	start := f.Size()
	var offsets []*mcap.SummaryOffset
	for _, g := range []struct {
		op    mcap.OpCode
		write func() error
	}{
		{mcap.OpSchema, func() error { return writeEach(f.schemas, f.Writer.WriteSchema) }},
		{mcap.OpChannel, func() error { return writeEach(f.channels, f.Writer.WriteChannel) }},
		{mcap.OpStatistics, func() error { return f.WriteStatistics(f.Statistics) }},
		{mcap.OpChunkIndex, func() error { return f.chunks.writeTo(&f.sink) }},
		{mcap.OpAttachmentIndex, func() error { return writeEach(f.AttachmentIndexes, f.WriteAttachmentIndex) }},
		{mcap.OpMetadataIndex, func() error { return writeEach(f.MetadataIndexes, f.WriteMetadataIndex) }},
	} {
		from := f.Size()
		if err := g.write(); err != nil {
			return err
		}
		if n := f.Size() - from; n > 0 {
			offsets = append(offsets, &mcap.SummaryOffset{GroupOpcode: g.op, GroupStart: uint64(from), GroupLength: uint64(n)})
		}
	}
	offsetsStart := f.Size()
	if err := writeEach(offsets, f.WriteSummaryOffset); err != nil {
		return err
	}
	b := binary.LittleEndian.AppendUint64([]byte{byte(mcap.OpFooter)}, footerSize-recordHead)
	b = binary.LittleEndian.AppendUint64(b, uint64(start))
	b = binary.LittleEndian.AppendUint64(b, uint64(offsetsStart))
	b = binary.LittleEndian.AppendUint32(b, crc32.Update(f.sink.crc, crc32.IEEETable, b))
	_, err := f.sink.Write(append(b, mcap.Magic...))
	return err
}

func writeEach[T any](all []T, write func(T) error) error {
	for _, r := range all {
		if err := write(r); err != nil {
			return err
		}
	}
	return nil
}
