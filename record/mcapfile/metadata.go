package mcapfile

import "github.com/foxglove/mcap/go/mcap"

// mostMetadata is how many bytes of metadata are collected before a chunk is written because of them.
const mostMetadata = 256 << 10

// PutMetadata puts a value into the metadata record that stands before the chunk that takes the next message. There is one
// such record of each name for a chunk; the last value of a key holds.
func (w *Writer) PutMetadata(name, key, value string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil || w.closing {
		return
	}
	w.open()
	w.current.putMetadata(name, key, value)
	if w.current.values >= mostMetadata {
		w.cut()
	}
}

func (c *chunk) putMetadata(name, key, value string) {
	var record *mcap.Metadata
	for _, m := range c.metadata {
		if m.Name == name {
			record = m
		}
	}
	if record == nil {
		record = &mcap.Metadata{Name: name, Metadata: make(map[string]string)}
		c.metadata = append(c.metadata, record)
	}
	record.Metadata[key] = value
	c.values += len(key) + len(value)
}

// Cut ends the current chunk: what is added from here on is in the next one.
func (w *Writer) Cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.closing {
		w.cut()
	}
}

// declareSilent puts the channels without messages into the current chunk.
func (w *Writer) declareSilent() {
	for _, ch := range w.unusedChannels {
		// An error would mean that there is no room for the schema, and AddChannel found some.
		_ = w.declare(w.current, ch)
	}
	w.unusedChannels = nil
}
