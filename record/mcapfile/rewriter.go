package mcapfile

import (
	"bufio"
	"crypto/sha256"
	"hash/crc32"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"

	"github.com/foxglove/mcap/go/mcap"

	"github.com/shmbus/shmbus/internal/errdefs"
)

// RewriterOptions: the zero value suits most files.
type RewriterOptions struct {
	Compression Compression
	Level       int    // of the compression, 1 = fastest; 0 = 1
	ChunkSize   int    // bytes before compression; default 1 MiB, at most 1 GiB. A larger message enlarges its chunk
	Library     string // that the file names as its writer; default "shmbus"
	Profile     string // of the file
}

// Check returns an error for a compression or a level that does not exist.
func (o *RewriterOptions) Check() error { return o.checked().Compression.check(o.Level) }

func (o *RewriterOptions) checked() RewriterOptions {
	var c RewriterOptions
	if o != nil {
		c = *o
	}
	if c.Compression == "" {
		c.Compression = Zstd
	}
	if c.ChunkSize <= 0 {
		c.ChunkSize = 1 << 20
	}
	c.ChunkSize = min(c.ChunkSize, maxChunkSize)
	if c.Library == "" {
		c.Library = "shmbus"
	}
	return c
}

// A Rewriter writes the records of other files to an MCAP file, unchanged and at once. Unlike a Writer it has no queue and no clock: the
// same records make the same file. It is for one goroutine at a time. After an error it must not be used any more.
type Rewriter struct {
	opts     RewriterOptions
	buffer   *bufio.Writer
	file     *fileWriter
	packer   compressor          // nil = none
	channels map[string]*Channel // by identity
	schemas  map[string]uint16   // likewise
	sums     map[schemaBytes][sha256.Size]byte
	counts   []uint64 // messages of the channels, by ID
	start    uint64   // smallest and largest log time
	end      uint64
	messages uint64

	records []byte // the current chunk
	packed  []byte
	first   uint64 // smallest and largest log time in the chunk
	last    uint64
	indexes []*mcap.MessageIndex // of the channels in the chunk
	at      map[uint16]int       // channel -> position in indexes
}

// NewRewriter writes the beginning of a file to dst.
func NewRewriter(dst io.Writer, opts *RewriterOptions) (*Rewriter, error) {
	o := opts.checked()
	if err := o.Compression.check(o.Level); err != nil {
		return nil, err
	}
	w := &Rewriter{
		opts: o, buffer: bufio.NewWriterSize(dst, 256<<10), channels: make(map[string]*Channel), schemas: make(map[string]uint16),
		sums: make(map[schemaBytes][sha256.Size]byte), at: make(map[uint16]int),
	}
	var err error
	if w.packer, err = newCompressor(o.Compression, o.Level); err != nil {
		return nil, err
	}
	w.file, err = newFileWriter(w.buffer, o.Profile, o.Library)
	return w, err
}

// Channel returns the channel of the file for one of another file. Channels that are the same in everything but their ID are one,
// unless they are of the same file. Their schemas must not be changed any more. It returns a *errdefs.LimitError if there are too many.
func (w *Rewriter) Channel(c *Channel) (*Channel, error) {
	key := w.identity(c)
	if known := w.channels[key]; known != nil {
		return known, nil
	}
	if len(w.counts) > math.MaxUint16 {
		return nil, &errdefs.LimitError{What: "channels in an MCAP file", Limit: math.MaxUint16 + 1, Remedy: capacityRemedy}
	}
	schema, err := w.schema(c)
	if err != nil {
		return nil, err
	}
	own := *c
	own.ID = uint16(len(w.counts))
	w.counts = append(w.counts, 0)
	w.channels[key] = &own
	return &own, w.file.WriteChannel(&mcap.Channel{ID: own.ID, SchemaID: schema, Topic: c.Topic, MessageEncoding: c.Encoding, Metadata: c.Metadata})
}

// schema returns the number of a channel's schema, which it writes once, or 0 if the channel has none.
func (w *Rewriter) schema(c *Channel) (uint16, error) {
	if c.SchemaName == "" && c.SchemaEncoding == "" && len(c.Schema) == 0 {
		return 0, nil
	}
	key := w.schemaIdentity(c)
	if id := w.schemas[key]; id != 0 {
		return id, nil
	}
	if len(w.schemas) == math.MaxUint16 {
		return 0, &errdefs.LimitError{What: "schemas in an MCAP file", Limit: math.MaxUint16, Remedy: capacityRemedy}
	}
	id := uint16(len(w.schemas) + 1)
	w.schemas[key] = id
	return id, w.file.WriteSchema(&mcap.Schema{ID: id, Name: c.SchemaName, Encoding: c.SchemaEncoding, Data: c.Schema})
}

// schemaBytes is where a schema is in memory: the channels of a Reader share it.
type schemaBytes struct {
	first *byte
	n     int
}

// schemaIdentity is the same for equal schemas only.
func (w *Rewriter) schemaIdentity(c *Channel) string {
	sum := sha256.Sum256(nil)
	if len(c.Schema) > 0 {
		var known bool
		at := schemaBytes{&c.Schema[0], len(c.Schema)}
		if sum, known = w.sums[at]; !known {
			sum = sha256.Sum256(c.Schema)
			w.sums[at] = sum
		}
	}
	return string(appendText(appendText(sum[:], c.SchemaName), c.SchemaEncoding))
}

// identity is the same for channels only that differ in nothing but their ID, each of a file of its own.
func (w *Rewriter) identity(c *Channel) string {
	return w.schemaIdentity(c) + strconv.Itoa(c.nth) + " " + string(c.description())
}

// description has everything of a channel but its ID and the content of its schema.
func (c *Channel) description() []byte {
	b := appendText(appendText(appendText(appendText(nil, c.Topic), c.Encoding), c.SchemaName), c.SchemaEncoding)
	for _, k := range slices.Sorted(maps.Keys(c.Metadata)) {
		b = appendText(appendText(b, k), c.Metadata[k])
	}
	return b
}

// Write adds a message to a channel that Channel returned. The payload is copied.
func (w *Rewriter) Write(m *Message) error {
	if len(m.Data) > MaxMessage {
		return &MessageSizeError{Topic: m.Channel.Topic, Size: len(m.Data), Limit: MaxMessage}
	}
	if size := recordHead + messageHead + len(m.Data); len(w.records) > 0 && len(w.records)+size > w.opts.ChunkSize {
		if err := w.flush(); err != nil {
			return err
		}
	}
	id := m.Channel.ID
	i, ok := w.at[id]
	if !ok {
		i = len(w.indexes)
		w.at[id] = i
		w.indexes = append(w.indexes, &mcap.MessageIndex{ChannelID: id})
	}
	// Add instead of a literal, because the library counts entries with a private cursor.
	w.indexes[i].Add(m.LogTime, uint64(len(w.records)))
	if len(w.records) == 0 {
		w.first, w.last = m.LogTime, m.LogTime
	}
	w.first, w.last = min(w.first, m.LogTime), max(w.last, m.LogTime)
	w.records = appendMessage(w.records, id, m)
	w.counts[id]++
	return nil
}

// flush writes the current chunk.
func (w *Rewriter) flush() error {
	if len(w.records) == 0 {
		return nil
	}
	c := mcap.Chunk{
		MessageStartTime: w.first, MessageEndTime: w.last, UncompressedSize: uint64(len(w.records)), UncompressedCRC: crc32.ChecksumIEEE(w.records),
		Records: w.records,
	}
	if err := w.pack(&c); err != nil {
		return err
	}
	if err := w.file.writeChunk(&c, w.indexes); err != nil {
		return err
	}
	if w.messages == 0 {
		w.start, w.end = w.first, w.last
	}
	w.start, w.end = min(w.start, w.first), max(w.end, w.last)
	for _, i := range w.indexes {
		w.messages += uint64(len(i.Entries()))
	}
	if w.records = w.records[:0]; cap(w.records) > max(keepCapacity, w.opts.ChunkSize) {
		w.records, w.packed = nil, nil
	}
	w.indexes = w.indexes[:0]
	clear(w.at)
	return nil
}

// pack compresses the records of a chunk, unless that makes them no smaller.
func (w *Rewriter) pack(c *mcap.Chunk) error {
	if w.packer == nil {
		return nil
	}
	worth, err := worthwhile(w.packer, w.records, w.packed)
	if err != nil || !worth {
		return err
	}
	if w.packed, err = w.packer.compress(w.packed[:0], w.records); err == nil && len(w.packed) < len(w.records) {
		c.Compression, c.Records = w.opts.Compression.mcapName(), w.packed
	}
	return err
}

// WriteMetadata adds a metadata record before the messages of the current chunk.
func (w *Rewriter) WriteMetadata(m Metadata) error {
	return w.file.WriteMetadata(&mcap.Metadata{Name: m.Name, Metadata: m.Values})
}

// WriteAttachment adds an attachment of the file that src reads. Its CRC is checked before anything is written: after an error for which
// Recoverable is true, the attachment is left out and the Rewriter may be used.
func (w *Rewriter) WriteAttachment(a *AttachmentInfo, src io.ReaderAt) error {
	if err := a.Check(src); err != nil {
		return err
	}
	return w.file.WriteAttachment(&mcap.Attachment{
		Name: a.Name, MediaType: a.MediaType, LogTime: a.LogTime, CreateTime: a.CreateTime, DataSize: a.Size, Data: a.Content(src),
	})
}

// Size returns the number of bytes written, without those of the current chunk.
func (w *Rewriter) Size() int64 { return w.file.Size() }

// Close writes the rest and the index. The caller closes the destination after that.
func (w *Rewriter) Close() error {
	if err := w.flush(); err != nil {
		return err
	}
	// The library counts messages only in its own chunks, and takes a first time of 0 for "none yet".
	s := w.file.Statistics
	s.MessageCount, s.MessageStartTime, s.MessageEndTime = w.messages, w.start, w.end
	for id, n := range w.counts {
		if n > 0 {
			s.ChannelMessageCounts[uint16(id)] = n
		}
	}
	if err := w.file.Close(); err != nil {
		return err
	}
	return w.buffer.Flush()
}
