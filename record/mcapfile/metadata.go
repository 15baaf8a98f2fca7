package mcapfile

import "github.com/foxglove/mcap/go/mcap"

// mostMetadata is the number of bytes of metadata after which a chunk is written.
const mostMetadata = 256 << 10

// PutMetadata puts a value into the metadata record before the chunk that takes the next message. Each chunk has one such
// record per name. The last value of a key applies.
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

// Cut ends the current chunk. Later records are in the next chunk.
func (w *Writer) Cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.closing {
		w.cut()
	}
}

// declareUnused puts the channels without messages into the current chunk.
func (w *Writer) declareUnused() {
	for _, ch := range w.unusedChannels {
		// declare fails only if there is no room for the schema; AddChannel has reserved it.
		_ = w.declare(w.current, ch)
	}
	w.unusedChannels = nil
}
