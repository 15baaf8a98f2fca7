package mcapfile

import (
	"slices"
	"time"
)

// A packState is the progress of a chunk in the queue.
type packState uint8

const (
	isWaiting packState = iota
	isBeingPacked
	isPacked
)

// A ChannelCount counts the messages of a channel in all parts.
type ChannelCount struct {
	Written uint64 // in a file
	Bytes   uint64 // payload of these
	Dropped uint64 // by Overflow, or because the disk is full
}

// Counts returns the counts of all channels, by Channel.ID.
func (w *Writer) Counts() []ChannelCount {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.counts)
}

// Waiting returns the bytes of memory that wait to be written, without those that are held, and those that are held.
func (w *Writer) Waiting() (queued, held int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.queued - w.heldBytes, w.heldBytes
}

// cut puts the current chunk into the queue. If the queue is full, it does what Overflow says. Another caller may have cut the chunk
// meanwhile.
func (w *Writer) cut() {
	c := w.current
	for w.err == nil && w.current == c && w.isFull(c.size()) && !c.empty() {
		if !w.overflow() {
			w.dropCurrent()
		}
	}
	if w.err != nil || w.current != c {
		return
	}
	w.age.Stop()
	w.opened = false
	if c.empty() {
		return
	}
	w.current = w.newCurrent(c.fit())
	c.cut = time.Now()
	w.queue = append(w.queue, c)
	w.queued += c.size()
	if w.holding {
		w.held++
		w.heldBytes += c.size()
		w.evict()
	}
	w.changed.Broadcast()
}

// dropCurrent drops the messages of the current chunk. The rest is small and stays, in a chunk with an age of its own.
func (w *Writer) dropCurrent() {
	c := w.current
	w.drop(c)
	c.messages, c.records = 0, c.records[:0]
	w.current = w.newCurrent(nil)
	w.carry(c, w.current)
	w.current.ended = append(c.ended, w.current.ended...)
	w.recycle(c)
	w.age.Stop()
	if w.opened = false; !w.current.empty() {
		w.open()
	}
}

// isFull reports whether the queue has no room for so many bytes. An empty queue has room for any chunk.
func (w *Writer) isFull(size int) bool { return w.queued > 0 && w.queued+size > w.opts.Queue }

// overflow does what Overflow says if the queue is full, or waits for a change. It returns false if the newest is to be dropped.
func (w *Writer) overflow() bool {
	switch {
	case w.holding && w.held > 0:
		w.evictOne()
	case w.opts.Overflow == DropOldest && w.dropOldest():
	case w.opts.Overflow == DropNewest:
		return false
	default:
		w.changed.Wait()
	}
	return true
}

// insert puts a mark into the queue, before what is held.
func (w *Writer) insert(m *mark) {
	w.queue = slices.Insert(w.queue, len(w.queue)-w.held, &chunk{mark: m, state: isPacked})
	w.changed.Broadcast()
}

// newCurrent returns a chunk for the next messages, with the given memory if it is not nil.
func (w *Writer) newCurrent(records []byte) *chunk {
	c := newChunk()
	if n := len(w.spare); n > 0 {
		c, w.spare = w.spare[n-1], w.spare[:n-1]
		w.free -= cap(c.records)
	}
	if cap(records) > cap(c.records) {
		c.records = records
	}
	return c
}

// isLarge reports whether a chunk has a message larger than the queue.
func (w *Writer) isLarge(c *chunk) bool { return len(c.records) > w.opts.Queue }

// recycle keeps the memory of a chunk, which is in no queue any more, as far as the limit allows it.
func (w *Writer) recycle(c *chunk) {
	if w.isLarge(c) {
		w.largeRecords = c.records
	}
	c.reset()
	if c.records != nil && w.queued+w.free+cap(c.records) <= w.opts.Queue {
		w.spare = append(w.spare, c)
		w.free += cap(c.records)
	}
}

// evict discards held chunks that are older than the hold's age or beyond its size.
func (w *Writer) evict() {
	now := time.Now()
	for w.held > 1 && (w.heldBytes > w.holdBytes || now.Sub(w.queue[len(w.queue)-w.held].cut) > w.holdAge) {
		w.evictOne()
	}
}

func (w *Writer) evictOne() {
	i := len(w.queue) - w.held
	c := w.queue[i]
	w.evicted = c.cut
	w.held--
	w.heldBytes -= c.size()
	w.remove(i)
}

// dropOldest drops the oldest chunk that is not being compressed or written.
func (w *Writer) dropOldest() bool {
	i := slices.IndexFunc(w.queue[:len(w.queue)-w.held], func(c *chunk) bool { return c.state == isWaiting && c.messages > 0 })
	if i >= 0 {
		w.drop(w.queue[i])
		w.remove(i)
	}
	return i >= 0
}

// remove takes a chunk out of the queue. What other messages may need stays.
func (w *Writer) remove(i int) {
	c := w.queue[i]
	w.queued -= c.size()
	w.queue = slices.Delete(w.queue, i, i+1)
	next := w.current
	if i < len(w.queue) && w.queue[i].mark == nil && w.queue[i].state == isWaiting {
		next = w.queue[i]
		before := next.size()
		defer func() {
			w.queued += next.size() - before
			if w.held > 0 && i >= len(w.queue)-w.held {
				w.heldBytes += next.size() - before
			}
		}()
	}
	w.latest.take(c, w.opts.Repeat)
	w.applying.forgetEnded(c)
	w.carry(c, next)
	w.recycle(c)
}

// mostCarried is the number of bytes of a metadata record beyond which carry discards it.
const mostCarried = 4 << 20

// carry moves what does not belong to messages from one chunk to the next. Of values that replace each other only the newest is moved: the
// messages that had others are dropped.
func (w *Writer) carry(c, next *chunk) {
	next.unused = append(c.unused, next.unused...)
	c.dropEnded()
	for _, m := range c.metadata {
		dropReplaced(m.Metadata)
		if sizeOf(m.Metadata)+next.sizeOf(m.Name) > mostCarried {
			continue
		}
		for k, v := range m.Metadata {
			if !next.has(m.Name, k) { // the last value of a key applies
				next.putMetadata(m.Name, k, v)
			}
		}
	}
}

// drop counts the messages of a chunk as dropped.
func (w *Writer) drop(c *chunk) {
	for i, d := range c.channels {
		w.counts[d.channel.ID].Dropped += uint64(len(c.indexes[i].Entries()))
	}
}
