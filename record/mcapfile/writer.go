package mcapfile

import (
	"bytes"
	"io"
	"maps"
	"math"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/foxglove/mcap/go/mcap"

	"github.com/shmbus/shmbus/internal/errdefs"
)

// WriterOptions: the zero value suits recording.
type WriterOptions struct {
	ChunkSize int           // bytes before compression; default 1 MiB, at most 1 GiB. A larger message gets a chunk of its own
	ChunkAge  time.Duration // a chunk is closed this long after its first message; default 500 ms
	Queue     int           // bytes that may wait for compression and writing; default 64 MiB
	// SyncInterval is the time between two syncs of the destination, if it supports them; 0 = only by Close.
	SyncInterval time.Duration
}

const maxChunkSize = 1 << 30

func (o *WriterOptions) checked() WriterOptions {
	var c WriterOptions
	if o != nil {
		c = *o
	}
	if c.ChunkSize <= 0 {
		c.ChunkSize = 1 << 20
	}
	c.ChunkSize = min(c.ChunkSize, maxChunkSize)
	if c.ChunkAge <= 0 {
		c.ChunkAge = 500 * time.Millisecond
	}
	if c.Queue <= 0 {
		c.Queue = 64 << 20
	}
	return c
}

// A Writer writes an MCAP file. It collects messages in chunks. A goroutine of its own compresses the chunks and writes
// each as a whole, so Write waits for the disk only when Queue bytes are waiting. The methods may be called concurrently,
// except Close.
//
// After an error of the destination all methods return the same *WriteError, and the destination is truncated to the last
// whole chunk, if it has a Truncate method.
type Writer struct {
	opts WriterOptions
	out  *output
	age  *time.Timer

	mu             sync.Mutex
	changed        sync.Cond // queue, queued, err, closing
	channels       []*Channel
	schemas        []*mcap.Schema
	unusedChannels []*Channel      // without a message so far
	declared       map[uint16]bool // channels, by id, that a chunk holds
	written        map[uint16]bool // schemas likewise
	current        *chunk
	opened         bool // current is to be written when it is ChunkAge old
	spare          []*chunk
	queue          []*chunk
	queued         int // bytes in queue, also of the chunk being written
	metadata       []*mcap.Metadata
	closing        bool
	closed         bool
	err            error
	ended          chan struct{}
}

// NewWriter writes the beginning of a file to w. It uses the methods Sync and Truncate of *os.File if w has them. The
// caller closes w after the Writer.
func NewWriter(w io.Writer, opts *WriterOptions) (*Writer, error) {
	o := opts.checked()
	out, err := newOutput(w, o.SyncInterval)
	if err != nil {
		return nil, err
	}
	f := &Writer{
		opts: o, out: out, current: newChunk(), ended: make(chan struct{}),
		declared: make(map[uint16]bool), written: make(map[uint16]bool),
	}
	f.changed.L = &f.mu
	f.age = time.AfterFunc(math.MaxInt64, f.expire)
	go f.run()
	return f, nil
}

// capacityRemedy ends the text of the errors for the 16-bit numbers of channels and schemas.
const capacityRemedy = "record fewer topics, or into several files"

// AddChannel adds a channel, or returns a *errdefs.LimitError. The channel is written with its first message, or with the next chunk if it has no message by
// then. The Writer keeps the channel and its slices; they must not be changed any more.
func (w *Writer) AddChannel(c Channel) (*Channel, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.channels) > math.MaxUint16 {
		return nil, &errdefs.LimitError{What: "channels in an MCAP file", Limit: math.MaxUint16 + 1, Remedy: capacityRemedy}
	}
	if _, err := w.schemaOf(&c); err != nil {
		return nil, err
	}
	c.ID = uint16(len(w.channels))
	w.channels = append(w.channels, &c)
	w.unusedChannels = append(w.unusedChannels, &c)
	w.open()
	return &c, nil
}

// schemaOf returns the number of the channel's schema record, 0 = none.
func (w *Writer) schemaOf(c *Channel) (uint16, error) {
	if c.SchemaName == "" && c.SchemaEncoding == "" && len(c.Schema) == 0 {
		return 0, nil
	}
	i := slices.IndexFunc(w.schemas, func(s *mcap.Schema) bool {
		return s.Name == c.SchemaName && s.Encoding == c.SchemaEncoding && bytes.Equal(s.Data, c.Schema)
	})
	if i >= 0 {
		return w.schemas[i].ID, nil
	}
	if len(w.schemas) == math.MaxUint16 {
		return 0, &errdefs.LimitError{What: "schemas in an MCAP file", Limit: math.MaxUint16, Remedy: capacityRemedy}
	}
	s := &mcap.Schema{ID: uint16(len(w.schemas) + 1), Name: c.SchemaName, Encoding: c.SchemaEncoding, Data: c.Schema}
	w.schemas = append(w.schemas, s)
	return s.ID, nil
}

// Write adds a message to a channel that AddChannel returned. The payload is copied. A payload of more than MaxMessage
// bytes is a *MessageSizeError, and the Writer stays usable.
func (w *Writer) Write(m *Message) error {
	if len(m.Data) > MaxMessage {
		return &MessageSizeError{Topic: m.Channel.Topic, Size: len(m.Data), Limit: MaxMessage}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.err == nil && w.current.messages > 0 && len(w.current.records)+recordHead+messageHead+len(m.Data) > w.opts.ChunkSize {
		w.cut()
	}
	if w.err == nil && w.closing {
		return os.ErrClosed
	}
	if w.err != nil {
		return w.err
	}
	c := w.current
	w.open()
	if err := w.declare(c, m.Channel); err != nil {
		return err
	}
	c.addMessage(m.Channel.ID, m)
	if len(c.records) >= w.opts.ChunkSize {
		w.cut()
	}
	return w.err
}

func (w *Writer) declare(c *chunk, ch *Channel) error {
	if w.declared[ch.ID] {
		return nil
	}
	id, err := w.schemaOf(ch)
	if err != nil {
		return err
	}
	if id != 0 && !w.written[id] {
		w.written[id] = true
		c.addSchema(w.schemas[id-1])
	}
	w.declared[ch.ID] = true
	c.addChannel(&mcap.Channel{ID: ch.ID, SchemaID: id, Topic: ch.Topic, MessageEncoding: ch.Encoding, Metadata: ch.Metadata})
	return nil
}

// open starts the timer that closes the current chunk.
func (w *Writer) open() {
	if !w.opened {
		w.opened = true
		w.age.Reset(w.opts.ChunkAge)
	}
}

// cut passes the current chunk to the writing goroutine. It waits while the queue is full. Another caller may have cut the
// chunk meanwhile.
func (w *Writer) cut() {
	c := w.current
	for w.err == nil && w.current == c && w.queued > 0 && w.queued+c.size() > w.opts.Queue {
		w.changed.Wait()
	}
	if w.err != nil || w.current != c {
		return
	}
	w.age.Stop()
	w.opened = false
	if w.declareUnused(); c.size() == 0 {
		return
	}
	w.queue = append(w.queue, c)
	w.queued += c.size()
	w.current = nil
	if n := len(w.spare); n > 0 {
		w.current, w.spare = w.spare[n-1], w.spare[:n-1]
	} else {
		w.current = newChunk()
	}
	w.changed.Broadcast()
}

func (w *Writer) expire() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.closing {
		w.cut()
	}
}

// Flush writes everything added so far and waits until it is written to the destination.
func (w *Writer) Flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut()
	for w.err == nil && w.queued > 0 {
		w.changed.Wait()
	}
	return w.err
}

// AddMetadata adds a metadata record, which Close writes after the messages.
func (w *Writer) AddMetadata(name string, values map[string]string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.metadata = append(w.metadata, &mcap.Metadata{Name: name, Metadata: maps.Clone(values)})
}

// Size returns the number of bytes written to the destination.
func (w *Writer) Size() int64 { return w.out.size.Load() }

// run compresses and writes chunks until Close or an error.
func (w *Writer) run() {
	defer close(w.ended)
	w.mu.Lock()
	defer w.mu.Unlock()
	for {
		for len(w.queue) == 0 && !w.closing {
			w.changed.Wait()
		}
		if len(w.queue) == 0 {
			return
		}
		c := w.queue[0]
		w.queue = slices.Delete(w.queue, 0, 1)
		size := c.size()
		w.mu.Unlock()
		err := w.out.writeChunk(c)
		c = c.reset()
		w.mu.Lock()
		w.queued -= size
		w.spare = append(w.spare, c)
		w.changed.Broadcast()
		if err != nil {
			w.err = err
			w.queue, w.queued = nil, 0
			return
		}
	}
}

// Close writes the remaining messages, the metadata and the index, and syncs the file to the disk. A second Close does
// nothing.
func (w *Writer) Close() error {
	w.mu.Lock()
	if w.closed {
		defer w.mu.Unlock()
		return w.err
	}
	w.closed = true
	w.cut()
	w.closing = true
	w.age.Stop()
	w.changed.Broadcast()
	w.mu.Unlock()
	<-w.ended
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err = w.out.close(w.metadata)
	}
	return w.err
}
