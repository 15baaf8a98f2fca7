package mcapfile

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math"
	"slices"
)

// A latchedMessage is a latched message in a chunk.
type latchedMessage struct {
	source   any
	key      string
	channel  *declaration
	rang     Range
	sequence uint32
	from, to int // in the records
}

// A keptMessage is the newest message of a latched source that has left the queue.
type keptMessage struct {
	latchedMessage
	record []byte
	number uint64 // order
}

// latest holds the newest message of each latched source, or of each of its keys, as of the beginning of the queue.
type latest struct {
	limit  int // bytes
	bytes  int
	number uint64
	kept   map[any]map[string]*keptMessage
}

// keyCost is the memory for a kept message besides its record and its key.
const keyCost = 200

func (k *keptMessage) size() int { return cap(k.record) + len(k.key) + keyCost }

// take keeps the latched messages of a chunk that leaves the queue. Messages beyond the limit are not kept.
func (l *latest) take(c *chunk, keep bool) {
	if !keep {
		return
	}
	if l.kept == nil {
		l.kept = make(map[any]map[string]*keptMessage)
	}
	type sourceKey struct {
		source any
		key    string
	}
	seen := make(map[sourceKey]bool)
	for _, m := range slices.Backward(c.latched) {
		if seen[sourceKey{m.source, m.key}] {
			continue
		}
		seen[sourceKey{m.source, m.key}] = true
		keys := l.kept[m.source]
		if keys == nil {
			keys = make(map[string]*keptMessage)
			l.kept[m.source] = keys
		}
		k := keys[m.key]
		if k == nil {
			k = new(keptMessage)
			keys[m.key] = k
		} else {
			l.bytes -= k.size()
		}
		if l.bytes+m.to-m.from+len(m.key)+keyCost > l.limit {
			delete(keys, m.key)
			continue
		}
		k.latchedMessage, k.number = m, l.number+uint64(m.from)
		k.record = append(k.record[:0], c.records[m.from:m.to]...)
		l.bytes += k.size()
	}
	l.number += uint64(len(c.records))
	for _, source := range c.ended {
		l.forget(source)
	}
}

func (l *latest) forget(source any) {
	for _, k := range l.kept[source] {
		l.bytes -= k.size()
	}
	delete(l.kept, source)
}

// repeated returns copies of the messages in their order.
func (l *latest) repeated() (all []*keptMessage) {
	for _, keys := range l.kept {
		for _, k := range keys {
			c := *k
			c.record = bytes.Clone(k.record)
			all = append(all, &c)
		}
	}
	slices.SortFunc(all, func(a, b *keptMessage) int { return cmp.Compare(a.number, b.number) })
	return all
}

// repeatedChunk is a chunk of kept messages with another log time. Between those of different keys of a source none is missing.
func repeatedChunk(kept []*keptMessage, logTime uint64) *chunk {
	c := newChunk()
	before := make(map[any]*keptMessage)
	for _, k := range kept {
		r := k.record[recordHead:]
		c.addMessage(k.channel, &Message{
			Sequence: k.sequence, LogTime: logTime, PublishTime: binary.LittleEndian.Uint64(r[2+4+8:]), Data: r[messageHead:],
		}, &Extra{Range: k.rang})
		if n := passedSince(before[k.source], k.sequence, k.rang); n > 0 {
			c.passed = append(c.passed, passedBefore{firstOf{k.rang, k.channel.channel.ID, k.sequence, nil}, n})
		}
		before[k.source] = k
	}
	return c
}

// passedSince returns the number of messages of a source between an earlier one, if there is one, and one of a range.
func passedSince(earlier *keptMessage, sequence uint32, r Range) uint64 {
	if earlier == nil || earlier.rang == nil || r == nil {
		return 0
	}
	n := r.Number(sequence) - earlier.rang.Number(earlier.sequence) - 1
	if n > math.MaxUint32 {
		return 0 // the same message again
	}
	return n
}

// EndLatched says that a source of latched messages is gone. Later parts do not begin with its message.
func (w *Writer) EndLatched(source any) { w.endRepeated(source) }

// endRepeated ends what later parts repeat of a source.
func (w *Writer) endRepeated(source any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.opts.Repeat && w.err == nil && !w.closing {
		w.current.ended = append(w.current.ended, source)
		w.open()
	}
}
