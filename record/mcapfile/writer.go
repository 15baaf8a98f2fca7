package mcapfile

import (
	"bytes"
	"io"
	"maps"
	"math"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/foxglove/mcap/go/mcap"

	"github.com/shmbus/shmbus/internal/errdefs"
)

// A Writer writes an MCAP file, or several one after the other. It collects messages in chunks. Goroutines of its own compress the chunks
// and write each as a whole, so Write waits for the disk only when Queue bytes are waiting. The methods may be called concurrently, except
// Close.
//
// After an error of the destination all methods return the same *WriteError, and the destination is truncated to the last
// whole chunk, if it has a Truncate method.
type Writer struct {
	opts WriterOptions
	out  *output // nil = no part has begun; belongs to the writing goroutine
	age  *time.Timer
	sync *time.Timer // belongs to the writing goroutine

	size atomic.Int64 // of the part that is written

	mu      sync.Mutex
	changed sync.Cond // queue, err, closing, due
	due     bool      // what is written is to be synced
	// Channels and schemas are only added.
	channels []*declaration
	schemas  []*mcap.Schema
	current  *chunk
	opened   bool // current is to be written when it is ChunkAge old

	queue  []*chunk // started ones, then those that may start, then held ones
	queued int      // bytes in queue, also of the chunk being written
	taken  int      // 1 if the writing goroutine has a chunk that is in queued and not in queue
	packed int      // chunks that are compressed or being compressed
	spare  []*chunk
	free   int      // bytes of spare
	packs  [][]byte // memory for compressed records
	// Memory of a message larger than the queue is kept for the next one: garbage of that size would be as much again. A smaller message
	// frees it.
	largeRecords, largePack []byte

	holding   bool
	holdAge   time.Duration
	holdBytes int
	held      int       // chunks at the end of queue
	evicted   time.Time // when the chunk that was discarded last was cut; zero = none was
	heldBytes int

	counts   []ChannelCount
	latest   latest
	applying applying
	metadata []Metadata
	closing  bool
	closed   bool
	err      error
	ended    sync.WaitGroup
}

// A declaration is a channel with its schema as the library takes them.
type declaration struct {
	channel *mcap.Channel
	schema  *mcap.Schema // nil = none
	own     *Channel
}

// NewWriter writes the beginning of a file to w. It uses the methods Sync, Truncate and Reserve of w if w has them. Reserve allocates disk
// space up to a size of the file, so that a file on a full disk can be completed. The caller closes w after the Writer. With a nil w,
// messages are taken after Begin or Hold.
func NewWriter(w io.Writer, opts *WriterOptions) (*Writer, error) {
	o, err := opts.checked()
	if err != nil {
		return nil, err
	}
	f := &Writer{opts: o, current: newChunk(), applying: make(applying)}
	if w != nil {
		if f.out, err = newOutput(&Part{Dst: w, Ending: func() []Metadata { return f.metadata }}, nil, &o); err != nil {
			return nil, err
		}
		f.size.Store(f.out.size)
	}
	var packers []compressor
	for range o.Goroutines {
		c, err := newCompressor(o.Compression, o.Level)
		if err != nil {
			return nil, err
		}
		packers = append(packers, c)
	}
	f.changed.L = &f.mu
	f.latest.limit = o.Queue / 4
	f.age, f.sync = time.AfterFunc(math.MaxInt64, f.expire), time.AfterFunc(math.MaxInt64, f.expireSync)
	for _, c := range packers {
		f.ended.Go(func() { f.pack(c) })
	}
	f.ended.Go(f.run)
	return f, nil
}

// capacityRemedy ends the text of the errors for the 16-bit numbers of channels and schemas.
const capacityRemedy = "record fewer topics, or into several files"

// AddChannel adds a channel, or returns a *errdefs.LimitError. The channel is written with its first message, or with the next chunk if it
// has no message by then. The Writer keeps the channel and its slices; they must not be changed any more.
func (w *Writer) AddChannel(c Channel) (*Channel, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.channels) > math.MaxUint16 {
		return nil, &errdefs.LimitError{What: "channels in an MCAP file", Limit: math.MaxUint16 + 1, Remedy: capacityRemedy}
	}
	s, err := w.schemaOf(&c)
	if err != nil {
		return nil, err
	}
	c.ID = uint16(len(w.channels))
	d := &declaration{own: &c, schema: s, channel: &mcap.Channel{ID: c.ID, Topic: c.Topic, MessageEncoding: c.Encoding, Metadata: c.Metadata}}
	if s != nil {
		d.channel.SchemaID = s.ID
	}
	w.channels = append(w.channels, d)
	w.counts = append(w.counts, ChannelCount{})
	if !w.closing {
		w.current.unused = append(w.current.unused, d)
		w.open()
	}
	return &c, nil
}

// schemaOf returns the channel's schema record, nil = none.
func (w *Writer) schemaOf(c *Channel) (*mcap.Schema, error) {
	if c.SchemaName == "" && c.SchemaEncoding == "" && len(c.Schema) == 0 {
		return nil, nil
	}
	i := slices.IndexFunc(w.schemas, func(s *mcap.Schema) bool {
		return s.Name == c.SchemaName && s.Encoding == c.SchemaEncoding && bytes.Equal(s.Data, c.Schema)
	})
	if i >= 0 {
		return w.schemas[i], nil
	}
	if len(w.schemas) == math.MaxUint16 {
		return nil, &errdefs.LimitError{What: "schemas in an MCAP file", Limit: math.MaxUint16, Remedy: capacityRemedy}
	}
	s := &mcap.Schema{ID: uint16(len(w.schemas) + 1), Name: c.SchemaName, Encoding: c.SchemaEncoding, Data: c.Schema}
	w.schemas = append(w.schemas, s)
	return s, nil
}

// Write adds a message to a channel that AddChannel returned. The payload is copied. A payload of more than MaxMessage
// bytes is a *MessageSizeError, and the Writer stays usable.
func (w *Writer) Write(m *Message) error { return w.WriteWith(m, &Extra{}) }

// WriteWith is Write for a message to which something belongs.
func (w *Writer) WriteWith(m *Message, x *Extra) error {
	if len(m.Data) > MaxMessage {
		return &MessageSizeError{Topic: m.Channel.Topic, Size: len(m.Data), Limit: MaxMessage}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	n := recordHead + messageHead + len(m.Data)
	for w.err == nil && !w.closing {
		if w.current.messages > 0 && len(w.current.records)+n > w.opts.ChunkSize {
			w.cut()
		} else if n <= w.opts.ChunkSize || !w.isFull(n) {
			break
		} else if !w.overflow() { // a large message gets memory only when the queue has room for it
			w.counts[m.Channel.ID].Dropped++
			return nil
		}
	}
	if w.err == nil && w.closing {
		return os.ErrClosed
	}
	if w.err != nil {
		return w.err
	}
	w.open()
	if n <= w.opts.Queue {
		w.largeRecords, w.largePack = nil, nil
	} else if w.current.messages == 0 {
		w.current.records, w.largeRecords = withRoom(w.largeRecords, n), nil
	}
	w.current.addMessage(w.channels[m.Channel.ID], m, x)
	if len(w.current.records) >= w.opts.ChunkSize || w.current.values >= mostMetadata {
		w.cut()
	}
	return w.err
}

// open starts the timer that closes the current chunk.
func (w *Writer) open() {
	if !w.opened {
		w.opened = true
		w.age.Reset(w.opts.ChunkAge)
	}
}

func (w *Writer) expire() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.closing {
		w.cut()
	}
}

// Flush writes everything added so far, except what is held, and waits until it is written to the destination.
func (w *Writer) Flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut()
	for w.err == nil && len(w.queue)+w.taken > w.held {
		w.changed.Wait()
	}
	return w.err
}

// AddMetadata adds a metadata record, which Close writes after the messages.
func (w *Writer) AddMetadata(name string, values map[string]string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.metadata = append(w.metadata, Metadata{Name: name, Values: maps.Clone(values)})
}

// Err returns the error that ended the writing, nil if there is none.
func (w *Writer) Err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// Size returns the number of bytes written to the destination.
func (w *Writer) Size() int64 { return w.size.Load() }

// Close writes the remaining messages, the metadata and the index, and syncs the file to the disk. Held messages are discarded. A second
// Close does nothing.
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
	w.ended.Wait()
	w.sync.Stop()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.out != nil && (w.err == nil || w.out.full) {
		if err := w.out.close(w.channels); w.err == nil {
			w.err = err
		}
		w.size.Store(w.out.size)
	}
	return w.err
}
