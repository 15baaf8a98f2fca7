package mcapfile

import (
	"cmp"
	"container/heap"
	"errors"
	"fmt"
	"io"
	"iter"
	"runtime"
	"slices"

	"github.com/foxglove/mcap/go/mcap"
)

// InOrder yields the messages of the plan by log time. Their Data stays valid as long as it is referenced. An error is the
// last value: the file has changed since the plan was made. InOrder may be called several times, also concurrently.
func (p *Plan) InOrder() iter.Seq2[Message, error] {
	return p.InOrderWithin(func(int) bool { return true })
}

// InOrderWithin is InOrder for a caller that keeps messages. Before each message, room is called with the size of its
// payload and waits until the caller may hold so many more bytes. A large message is read into memory only after that. If
// room returns false, the iteration ends.
func (p *Plan) InOrderWithin(room func(bytes int) bool) iter.Seq2[Message, error] {
	return p.InOrderFrom(0, room)
}

// InOrderFrom is InOrderWithin without the blocks whose times are all before from. Messages before from may come nevertheless.
func (p *Plan) InOrderFrom(from uint64, room func(bytes int) bool) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		o := ordered{plan: p, walker: newWalker(p.src, p.size, p.limits), room: room, waiting: make([]openBlock, 0, len(p.blocks))}
		for i := range p.blocks {
			if p.blocks[i].last >= from {
				o.waiting = append(o.waiting, openBlock{block: &p.blocks[i], time: p.blocks[i].first})
			}
		}
		o.findOverlap()
		for len(o.waiting) > 0 || len(o.open) > 0 {
			o.admit()
			if b := o.open[0]; b.indexed {
				if err := o.loadIndexed(b); err != nil {
					yield(Message{}, err)
					return
				}
				continue
			}
			if o.overlap != nil && o.open[0].last >= o.overlap.time {
				if !o.pass(yield) {
					return
				}
				continue
			}
			m, ok, err := o.next()
			if !ok && err == nil || !yield(m, err) || err != nil {
				return
			}
		}
	}
}

// ordered merges the open blocks by log time. All of them fit into memory: where more blocks overlap, a pass takes the messages.
type ordered struct {
	walker
	plan    *Plan
	room    func(int) bool
	open    blockHeap
	waiting []openBlock // not open, by the time of the next message
	overlap *openBlock  // the first waiting one that does not fit into memory beside those that are open then; nil = none
	last    key         // of the last message returned
	pick    selection
}

// An openBlock is a block with remaining messages.
type openBlock struct {
	*block
	time    uint64  // of the next message
	done    uint32  // messages returned
	entries []entry // remaining, by log time; nil when the block is not in memory
	data    []byte
}

type entry struct {
	time uint64
	off  uint32 // of the message record's body in the data
	len  uint32
}

const entrySize = 16

// A key is the place of a message in the order by log time, and of equal ones by position.
type key struct {
	time uint64
	from position // of its block
	off  uint32   // in the data of its block
}

func (k key) compare(o key) int {
	return cmp.Or(cmp.Compare(k.time, o.time), k.from.compare(o.from), cmp.Compare(k.off, o.off))
}

// isLarge reports whether a block is a single message that is read only when it is due.
func (o *ordered) isLarge(b *block) bool { return b.bytes > o.limits.block }

// size returns the memory that an open block needs.
func (o *ordered) size(b *block) uint64 {
	if o.isLarge(b) {
		return 0
	}
	return b.bytes + uint64(b.messages)*entrySize
}

// findOverlap finds the first block that does not fit into memory. Nothing is open.
func (o *ordered) findOverlap() {
	var open endHeap
	held := uint64(0)
	for i := range o.waiting {
		b := &o.waiting[i]
		for len(open) > 0 && open[0].last < b.time {
			held -= o.size(heap.Pop(&open).(*block))
		}
		heap.Push(&open, b.block)
		if held += o.size(b.block); held > o.limits.open && len(open) > 1 {
			o.overlap = b
			return
		}
	}
	o.overlap = nil
}

// admit opens the blocks that may have the next message. A block with the same time as the open one may precede it in the file.
func (o *ordered) admit() {
	for len(o.waiting) > 0 && (len(o.open) == 0 || o.waiting[0].time <= o.open[0].time) {
		heap.Push(&o.open, &o.waiting[0])
		o.waiting = o.waiting[1:]
	}
}

func (o *ordered) changed(b *openBlock) error {
	return fmt.Errorf("read the block at byte %d again: the file was changed meanwhile", b.from.off)
}

// next returns the earliest message of the open blocks. It returns false if room refused it.
func (o *ordered) next() (Message, bool, error) {
	b := o.open[0]
	large := o.isLarge(b.block)
	if large && !o.room(int(b.bytes-messageHead)) {
		return Message{}, false, nil
	}
	if b.entries == nil {
		if err := o.load(b); err != nil {
			return Message{}, false, err
		}
	}
	e := b.entries[0]
	m, err := o.message(b, b.data[e.off:uint64(e.off)+uint64(e.len)])
	if err != nil {
		return m, false, err
	}
	o.last = key{e.time, b.from, e.off}
	b.entries = b.entries[1:]
	b.done++
	if len(b.entries) == 0 {
		heap.Pop(&o.open)
		b.entries, b.data = nil, nil
	} else {
		b.time = b.entries[0].time
		heap.Fix(&o.open, 0)
	}
	return m, large || o.room(len(m.Data)), nil
}

// message returns the message whose record has this body.
func (o *ordered) message(b *openBlock, body []byte) (m Message, err error) {
	if b.defs.parseMessage(body, &m) != nil {
		return m, o.changed(b)
	}
	m.Data = slices.Clip(body[messageHead:])
	return m, nil
}

// largeBlock is the size from which garbage is collected before a block is loaded, because the previous block is probably
// garbage.
const largeBlock = 16 << 20

// load reads a block.
func (o *ordered) load(b *openBlock) error {
	if b.bytes >= largeBlock {
		runtime.GC()
	}
	data := make([]byte, 0, b.bytes)
	entries := make([]entry, 0, b.messages)
	sorted := true
	err := o.each(b, func(e entry, head []byte) error {
		data = append(data, head...)[:e.off+e.len]
		if i := len(entries); i > 0 && entries[i-1].time > e.time {
			sorted = false
		}
		entries = append(entries, e)
		return o.read(data[e.off+messageHead:])
	})
	if err != nil {
		return err
	}
	if !sorted {
		slices.SortStableFunc(entries, func(x, y entry) int { return cmp.Compare(x.time, y.time) })
	}
	b.data, b.entries = data, entries[b.done:]
	if b.entries[0].time != b.time {
		return o.changed(b)
	}
	return nil
}

// each calls fn with the messages of a block, in the order of the file, and with the heads of their records. The payload is
// the next to be read. The offsets are those in the data of the block.
func (o *ordered) each(b *openBlock, fn func(e entry, head []byte) error) error {
	o.approach(b.from)
	off := uint64(0)
	for n := uint32(0); n < b.messages; {
		op, err := o.step()
		if err != nil {
			return o.failed(b, err)
		}
		if op != mcap.OpMessage || o.at.before(b.from) {
			continue
		}
		var m Message
		head, err := o.take(messageHead)
		if err == nil {
			err = b.defs.parseMessage(head, &m)
		}
		if err != nil {
			return o.failed(b, err)
		}
		if !o.plan.keep[m.Channel] {
			continue
		}
		if o.rest > b.bytes-off || messageHead > b.bytes-off-o.rest {
			return o.changed(b)
		}
		length := messageHead + o.rest
		if err := fn(entry{o.plan.time(&m), uint32(off), uint32(length)}, head); err != nil {
			return o.failed(b, err)
		}
		off += length
		n++
	}
	if off != b.bytes {
		return o.changed(b)
	}
	return nil
}

// failed returns the error for a block that could not be read.
func (o *ordered) failed(b *openBlock, err error) error {
	if errors.Is(err, errRead) {
		return err
	}
	return fmt.Errorf("%w: %w", o.changed(b), err)
}

// approach moves to a record at or before from. If from lies further on in the current chunk, the chunk is not decompressed
// again from its beginning.
func (o *ordered) approach(from position) {
	if o.inChunk && o.at.off == from.off && o.at.before(from) {
		return
	}
	o.seek(from.off)
}

// step moves to the next record and enters chunks.
func (o *ordered) step() (mcap.OpCode, error) {
	if o.more() {
		return o.nextOfChunk()
	}
	if o.file.left(o.pos) == 0 {
		return 0, io.ErrUnexpectedEOF
	}
	op, err := o.nextOfFile()
	if o.cut = o.plan.cutTo > 0 && o.at.off == o.plan.cutFrom; o.cut {
		err = nil
		o.beginCut(o.at.off, o.plan.cutTo)
	}
	if err != nil || op != mcap.OpChunk {
		return op, err
	}
	h, err := o.chunkHead()
	if err != nil {
		return op, err
	}
	if o.cut {
		return op, o.enterCut(&h)
	}
	return op, o.enter(&h, true)
}

func (p position) compare(q position) int {
	return cmp.Or(cmp.Compare(p.off, q.off), cmp.Compare(p.in, q.in))
}

// A blockHeap has the block with the earliest message first.
type blockHeap []*openBlock

func (h blockHeap) Len() int { return len(h) }
func (h blockHeap) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(h[i].time, h[j].time), h[i].from.compare(h[j].from)) < 0
}
func (h blockHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *blockHeap) Push(x any)   { *h = append(*h, x.(*openBlock)) }
func (h *blockHeap) Pop() any {
	old := *h
	b := old[len(old)-1]
	*h = old[:len(old)-1]
	return b
}

// An endHeap has the block that ends first at its beginning.
type endHeap []*block

func (h endHeap) Len() int           { return len(h) }
func (h endHeap) Less(i, j int) bool { return h[i].last < h[j].last }
func (h endHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *endHeap) Push(x any)        { *h = append(*h, x.(*block)) }
func (h *endHeap) Pop() any {
	old := *h
	b := old[len(old)-1]
	*h = old[:len(old)-1]
	return b
}
