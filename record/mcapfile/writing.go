package mcapfile

import (
	"slices"

	"github.com/foxglove/mcap/go/mcap"
)

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
