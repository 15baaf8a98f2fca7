package mcapfile

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
)

// A latchedMessage is a latched message in a chunk.
type latchedMessage struct {
	source   any
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

// latest holds the newest message of each latched source, as of the beginning of the queue.
type latest struct {
	limit  int // bytes
	bytes  int
	number uint64
	kept   map[any]*keptMessage
}

// take keeps the latched messages of a chunk that leaves the queue. Messages beyond the limit are not kept.
func (l *latest) take(c *chunk, keep bool) {
	if !keep {
		return
	}
	if l.kept == nil {
		l.kept = make(map[any]*keptMessage)
	}
	seen := make(map[any]bool)
	for _, m := range slices.Backward(c.latched) {
		if seen[m.source] {
			continue
		}
		seen[m.source] = true
		k := l.kept[m.source]
		if k == nil {
			k = new(keptMessage)
			l.kept[m.source] = k
		}
		l.bytes -= cap(k.record)
		k.latchedMessage, k.number = m, l.number+uint64(m.from)
		k.record = append(k.record[:0], c.records[m.from:m.to]...)
		if l.bytes += cap(k.record); l.bytes > l.limit {
			l.forget(m.source)
		}
	}
	l.number += uint64(len(c.records))
	for _, source := range c.ended {
		l.forget(source)
	}
}

func (l *latest) forget(source any) {
	if k := l.kept[source]; k != nil {
		l.bytes -= cap(k.record)
		delete(l.kept, source)
	}
}

// repeated returns copies of the messages in their order.
func (l *latest) repeated() (all []*keptMessage) {
	for _, k := range l.kept {
		c := *k
		c.record = bytes.Clone(k.record)
		all = append(all, &c)
	}
	slices.SortFunc(all, func(a, b *keptMessage) int { return cmp.Compare(a.number, b.number) })
	return all
}

// repeatedChunk is a chunk of kept messages with another log time.
func repeatedChunk(kept []*keptMessage, logTime uint64) *chunk {
	c := newChunk()
	for _, k := range kept {
		r := k.record[recordHead:]
		c.addMessage(k.channel, &Message{
			Sequence: k.sequence, LogTime: logTime, PublishTime: binary.LittleEndian.Uint64(r[2+4+8:]), Data: r[messageHead:],
		}, &Extra{Range: k.rang})
	}
	return c
}

// EndLatched says that a source of latched messages is gone. Later parts do not begin with its message.
func (w *Writer) EndLatched(source any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.opts.Repeat && w.err == nil && !w.closing {
		w.current.ended = append(w.current.ended, source)
		w.open()
	}
}
