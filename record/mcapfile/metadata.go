package mcapfile

import (
	"maps"
	"strconv"
	"strings"

	"github.com/foxglove/mcap/go/mcap"
)

// mostMetadata is the number of bytes of metadata after which a chunk is written.
const mostMetadata = 256 << 10

// rangeCost is the usual number of bytes of the metadata of a range.
const rangeCost = 200

// PutMetadata puts a value into the metadata record before the chunk that takes the next message. Each chunk has one such
// record per name. The last value of a key applies. A key OF:NUMBER replaces, for the messages after it, those of the same OF with lower
// numbers. When messages are dropped, the values before them that still apply stay.
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
	c.metadata = putMetadata(c.metadata, name, key, value)
	c.values += len(key) + len(value)
}

// putMetadata puts a value into the record of its name.
func putMetadata(records []*mcap.Metadata, name, key, value string) []*mcap.Metadata {
	for _, m := range records {
		if m.Name == name {
			m.Metadata[key] = value
			return records
		}
	}
	return append(records, &mcap.Metadata{Name: name, Metadata: map[string]string{key: value}})
}

// dropReplaced removes the keys OF:NUMBER that one with a higher number replaces.
func dropReplaced(values map[string]string) {
	newest := make(map[string]uint64)
	for k := range values {
		if of, n, ok := numbered(k); ok {
			newest[of] = max(newest[of], n)
		}
	}
	maps.DeleteFunc(values, func(k, _ string) bool {
		of, n, ok := numbered(k)
		return ok && n < newest[of]
	})
}

func numbered(key string) (of string, n uint64, ok bool) {
	i := strings.LastIndexByte(key, ':')
	if i < 0 {
		return "", 0, false
	}
	n, err := strconv.ParseUint(key[i+1:], 10, 64)
	return key[:i], n, err == nil
}

func sizeOf(values map[string]string) (n int) {
	for k, v := range values {
		n += len(k) + len(v)
	}
	return n
}

// sizeOf returns the bytes of the metadata record of a name.
func (c *chunk) sizeOf(name string) (n int) {
	for _, m := range c.metadata {
		if m.Name == name {
			n += sizeOf(m.Metadata)
		}
	}
	return n
}

func (c *chunk) has(name, key string) bool {
	for _, m := range c.metadata {
		if _, ok := m.Metadata[key]; ok && m.Name == name {
			return true
		}
	}
	return false
}

// Cut ends the current chunk. Later records are in the next chunk.
func (w *Writer) Cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.closing {
		w.cut()
	}
}
