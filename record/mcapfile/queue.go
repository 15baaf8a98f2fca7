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
	for w.err == nil && w.current == c && w.queued > 0 && w.queued+c.size() > w.opts.Queue && !c.empty() {
		switch {
		case w.holding && w.held > 0:
			w.evictOne()
		case w.opts.Overflow == DropOldest && w.dropOldest():
		case w.opts.Overflow == DropNewest:
			w.drop(c)
			c.messages, c.records = 0, c.records[:0] // the rest is small and stays
			w.current = w.newCurrent(nil)
			w.carry(c, w.current)
			w.current.ended = append(c.ended, w.current.ended...)
			w.recycle(c)
		default:
			w.changed.Wait()
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

// recycle keeps the memory of a chunk, which is in no queue any more, as far as the limit allows it.
func (w *Writer) recycle(c *chunk) {
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
	w.carry(c, next)
	w.recycle(c)
}

// carry moves what does not belong to messages from one chunk to the next. Too much of it is discarded.
func (w *Writer) carry(c, next *chunk) {
	next.unused = append(c.unused, next.unused...)
	if c.values+next.values > mostMetadata {
		return
	}
	for _, m := range c.metadata {
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

// mostPacked is the number of compressed chunks per goroutine that may wait for their turn to be written.
const mostPacked = 2

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
		if n := len(w.packs); n > 0 {
			scratch, w.packs = w.packs[n-1], w.packs[:n-1]
		}
		w.mu.Unlock()
		err := c.pack(with, scratch)
		w.mu.Lock()
		if c.packed == nil && scratch != nil {
			w.packs = append(w.packs, scratch)
		}
		c.state = isPacked
		w.fail(err)
		w.changed.Broadcast()
	}
}

// nextToPack returns the next chunk to be compressed, nil if there is none, or if so many are compressed that it has to wait.
func (w *Writer) nextToPack() (c *chunk, more bool) {
	for _, c := range w.queue[:len(w.queue)-w.held] {
		if c.state == isWaiting {
			if w.packed >= mostPacked*w.opts.Goroutines {
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
	if c.packed != nil && cap(c.packed) <= keepCapacity {
		w.packs = append(w.packs, c.packed)
	}
	w.latest.take(c, w.opts.Repeat)
	w.recycle(c)
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
	kept := w.latest.repeated()
	w.mu.Unlock()
	return w.beginPart(next, kept)
}

// execute begins or ends a part.
func (w *Writer) execute(m *mark) {
	failed := w.err != nil
	kept := w.latest.repeated()
	w.mu.Unlock()
	var err error
	switch {
	case m.part == nil:
		err = w.endPart(m.channels, failed)
	case !failed:
		err = w.beginPart(m.part, kept)
	case m.part.Done != nil:
		m.part.Done(w.Err())
	}
	w.mu.Lock()
	w.fail(err)
}

func (w *Writer) beginPart(p *Part, kept []*keptMessage) error {
	out, err := newOutput(p, &w.opts)
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
