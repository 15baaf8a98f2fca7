package mcapfile

import (
	"slices"
	"time"

	"github.com/foxglove/mcap/go/mcap"
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

// mostPackedChunks is the number of compressed chunks per goroutine that may wait for their turn to be written.
const mostPackedChunks = 2

// pack compresses chunks until Close or an error.
func (w *Writer) pack(with compressor) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for {
		c, more := w.nextToPack()
		for c == nil && w.err == nil && (more || !w.closing) {
			w.changed.Wait()
			c, more = w.nextToPack()
		}
		if c == nil || w.err != nil {
			return
		}
		c.state = isBeingPacked
		w.packed++
		var scratch []byte
		if n := len(w.packs); w.isLarge(c) {
			scratch, w.largePack = w.largePack, nil
		} else if n > 0 {
			scratch, w.packs = w.packs[n-1], w.packs[:n-1]
		}
		w.mu.Unlock()
		scratch, err := c.pack(with, scratch)
		w.mu.Lock()
		if scratch != nil {
			w.keepPack(c, scratch)
		}
		c.state = isPacked
		w.fail(err)
		w.changed.Broadcast()
	}
}

// keepPack keeps the memory of the compressed records of a chunk.
func (w *Writer) keepPack(c *chunk, packed []byte) {
	if w.isLarge(c) {
		w.largePack = packed
	} else if cap(packed) <= keepCapacity {
		w.packs = append(w.packs, packed)
	}
}

// nextToPack returns the next chunk to be compressed, nil if there is none, or if so many are compressed that it has to wait.
func (w *Writer) nextToPack() (c *chunk, more bool) {
	for _, c := range w.queue[:len(w.queue)-w.held] {
		if c.state == isWaiting {
			if w.packed >= mostPackedChunks*w.opts.Goroutines {
				return nil, true
			}
			return c, true
		}
	}
	return nil, false
}

// run writes compressed chunks until Close. After an error it drops them.
func (w *Writer) run() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for {
		for len(w.queue) == w.held || w.queue[0].state != isPacked && w.err == nil {
			if w.closing && len(w.queue) == w.held {
				return
			}
			if w.due {
				w.syncDue()
				continue
			}
			w.changed.Wait()
		}
		c := w.queue[0]
		if c.state == isBeingPacked {
			w.changed.Wait() // after an error
			continue
		}
		w.queue = slices.Delete(w.queue, 0, 1)
		w.taken = 1
		if c.mark != nil {
			w.execute(c.mark)
		} else {
			w.write(c)
		}
		w.taken = 0
		w.changed.Broadcast()
	}
}

// write writes a chunk to the current part.
func (w *Writer) write(c *chunk) {
	size, out := c.size(), w.out
	if out == nil || w.err != nil {
		w.drop(c)
	} else {
		channels := w.channels[:len(w.channels):len(w.channels)]
		w.mu.Unlock()
		err := w.makeRoom(c, channels)
		if err == nil {
			out = w.out
			err = out.writeChunk(c)
			w.size.Store(out.size)
			if out.dirty && w.opts.SyncInterval > 0 {
				w.sync.Reset(out.untilSync()) // there may be no further chunk
			}
		}
		w.mu.Lock()
		if err == nil {
			for i, d := range c.channels {
				w.counts[d.channel.ID].Written += uint64(len(c.indexes[i].Entries()))
				w.counts[d.channel.ID].Bytes += c.payload[i]
			}
		} else {
			w.drop(c)
		}
		w.fail(err)
	}
	if c.state == isPacked {
		w.packed--
	}
	w.queued -= size
	if c.packed != nil {
		w.keepPack(c, c.packed)
	}
	w.latest.take(c, w.opts.Repeat)
	if w.opts.Repeat {
		w.applying.take(c)
	}
	w.recycle(c)
}

func (w *Writer) expireSync() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.due = true
	w.changed.Broadcast()
}

// syncDue syncs what is written and not synced.
func (w *Writer) syncDue() {
	w.due = false
	out := w.out
	if out == nil || !out.dirty || w.err != nil {
		return
	}
	w.mu.Unlock()
	err := out.sync()
	if err != nil {
		err = out.failed(err)
	}
	w.mu.Lock()
	w.fail(err)
	w.changed.Broadcast()
}

// makeRoom ends the current part if the chunk does not fit into it, and begins the next one.
func (w *Writer) makeRoom(c *chunk, channels []*declaration) error {
	o := w.out
	if o.part.Limit == 0 || o.file.Statistics.MessageCount == 0 || o.size+int64(o.need(c)+o.tail) <= o.part.Limit {
		return nil
	}
	if err := w.endPart(channels, false); err != nil {
		return err
	}
	next, err := o.part.Next()
	if err != nil {
		return err
	}
	w.mu.Lock()
	kept, values := w.latest.repeated(), w.applying.records()
	w.mu.Unlock()
	return w.beginPart(next, kept, values)
}

// execute begins or ends a part.
func (w *Writer) execute(m *mark) {
	failed := w.err != nil
	kept, values := w.latest.repeated(), w.applying.records()
	w.mu.Unlock()
	var err error
	switch {
	case m.part == nil && m.make == nil:
		err = w.endPart(m.channels, failed)
	case !failed:
		next := m.part
		if next == nil {
			next, err = m.make()
		}
		if err == nil {
			err = w.beginPart(next, kept, values)
		}
	case m.part != nil && m.part.Done != nil:
		m.part.Done(w.Err())
	}
	w.mu.Lock()
	w.fail(err)
}

// beginPart begins a part with what was before it: the newest latched messages, and the values that apply.
func (w *Writer) beginPart(p *Part, kept []*keptMessage, values []*mcap.Metadata) error {
	out, err := newOutput(p, values, &w.opts)
	if err != nil {
		if p.Done != nil {
			p.Done(err)
		}
		return err
	}
	out.repeat = kept
	w.out = out
	w.size.Store(out.size)
	return nil
}

// endPart completes the file of the current part, unless it failed before.
func (w *Writer) endPart(channels []*declaration, failed bool) error {
	out := w.out
	if out == nil {
		return nil
	}
	w.out = nil
	var err error
	if !failed || out.full {
		err = out.close(channels)
		w.size.Store(out.size)
	} else {
		err = w.Err()
	}
	if out.part.Done != nil {
		out.part.Done(err)
	}
	return err
}

func (w *Writer) fail(err error) {
	if w.err == nil {
		w.err = err
	}
}
