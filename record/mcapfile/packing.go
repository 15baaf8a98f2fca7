package mcapfile

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
