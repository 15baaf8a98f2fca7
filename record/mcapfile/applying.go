package mcapfile

import (
	"maps"
	"slices"

	"github.com/foxglove/mcap/go/mcap"
)

// applying holds the newest value of each OF of the keys OF:NUMBER, by the name of their record, as of the beginning of the queue.
type applying map[string]map[string]numberedValue

// A numberedValue is the value of a key OF:NUMBER.
type numberedValue struct {
	number     uint64
	key, value string
}

// An endedKey is an OF whose values apply no longer.
type endedKey struct{ name, of string }

// EndMetadata says that no later message needs the values of the keys OF:NUMBER. Later parts do not begin with the newest one.
func (w *Writer) EndMetadata(name, of string) { w.endRepeated(endedKey{name, of}) }

// take keeps the values of a chunk that leaves the queue.
func (a applying) take(c *chunk) {
	for _, m := range c.metadata {
		for key, value := range m.Metadata {
			of, number, ok := numbered(key)
			if !ok {
				continue
			}
			values := a[m.Name]
			if values == nil {
				values = make(map[string]numberedValue)
				a[m.Name] = values
			}
			if number >= values[of].number {
				values[of] = numberedValue{number, key, value}
			}
		}
	}
	a.forgetEnded(c)
}

// forgetEnded forgets what the messages after a chunk do not need.
func (a applying) forgetEnded(c *chunk) {
	for _, source := range c.ended {
		if e, ok := source.(endedKey); ok {
			delete(a[e.name], e.of)
		}
	}
}

// records returns the values as metadata records.
func (a applying) records() (records []*mcap.Metadata) {
	for _, name := range slices.Sorted(maps.Keys(a)) {
		for _, v := range a[name] {
			records = putMetadata(records, name, v.key, v.value)
		}
	}
	return records
}

// dropEnded removes from the records of a chunk what the messages after the chunk do not need.
func (c *chunk) dropEnded() {
	ended := make(map[any]bool)
	for _, source := range c.ended {
		ended[source] = true
	}
	for _, m := range c.metadata {
		maps.DeleteFunc(m.Metadata, func(key, _ string) bool {
			of, _, ok := numbered(key)
			return ok && ended[endedKey{m.Name, of}]
		})
	}
}
