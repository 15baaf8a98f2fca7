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
		o := ordered{plan: p, walker: newWalker(p.src, p.size, p.limits), room: room}
		rest := p.blocks
		if from > 0 {
			rest = slices.DeleteFunc(slices.Clone(rest), func(b block) bool { return b.last < from })
		}
		for len(rest) > 0 || len(o.open) > 0 {
			// A block with the same first time as the open block may precede it in the file.
			for len(rest) > 0 && (len(o.open) == 0 || rest[0].first <= o.open[0].time) {
				heap.Push(&o.open, &openBlock{block: &rest[0], time: rest[0].first})
				rest = rest[1:]
			}
			if b := o.open[0]; b.indexed && b.entries == nil {
				if err := o.loadIndexed(b); err != nil {
					yield(Message{}, err)
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

// ordered merges the open blocks by log time.
type ordered struct {
	walker
	plan    *Plan
	room    func(int) bool
	open    blockHeap
	loaded  []*openBlock // blocks in memory
	held    uint64       // bytes of them
	evicted bool         // not all open blocks are in memory
}

// An openBlock is a block with remaining messages.
type openBlock struct {
	*block
	time    uint64  // of the next message
	done    uint32  // messages returned
	entries []entry // remaining, by log time; nil when the block is not in memory
	data    []byte
	size    uint64
}

type entry struct {
	time uint64
	off  uint32 // of the message record's body in the data
	len  uint32
}

const entrySize = 16

func (o *ordered) changed(b *openBlock) error {
	return fmt.Errorf("read the block at byte %d again: the file was changed meanwhile", b.from.off)
}

// next returns the earliest message of the open blocks. It returns false if room refused it.
func (o *ordered) next() (Message, bool, error) {
	b := o.open[0]
	// A large block has one message.
	large := b.bytes > o.limits.block
	if large && !o.room(int(b.bytes-messageHead)) {
		return Message{}, false, nil
	}
	if b.entries == nil {
		if err := o.load(b); err != nil {
			return Message{}, false, err
		}
	}
	e := b.entries[0]
	body := b.data[e.off : uint64(e.off)+uint64(e.len)]
	var m Message
	if b.defs.parseMessage(body, &m) != nil {
		return Message{}, false, o.changed(b)
	}
	m.Data = slices.Clip(body[messageHead:])
	if o.evicted && !large {
		m.Data = slices.Clone(m.Data) // a reference would keep the block in memory
	}
	b.entries = b.entries[1:]
	b.done++
	if len(b.entries) == 0 {
		heap.Pop(&o.open)
		o.unload(b)
	} else {
		b.time = b.entries[0].time
		heap.Fix(&o.open, 0)
	}
	return m, large || o.room(len(m.Data)), nil
}

// largeBlock is the size from which garbage is collected before a block is loaded, because the previous block is probably
// garbage.
const largeBlock = 16 << 20

// load reads a block and evicts others if the memory is exceeded.
func (o *ordered) load(b *openBlock) error {
	b.size = b.bytes + uint64(b.messages)*entrySize
	o.makeRoom(b)
	if b.bytes >= largeBlock {
		runtime.GC()
	}
	data := make([]byte, 0, b.bytes)
	entries := make([]entry, 0, b.messages)
	sorted := true
	o.approach(b.from)
	for len(entries) < int(b.messages) {
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
		off, n := len(data), o.rest
		if n > uint64(cap(data)-off) || messageHead > uint64(cap(data)-off)-n {
			return o.changed(b)
		}
		data = append(data, head...)[:off+messageHead+int(n)]
		if err := o.read(data[off+messageHead:]); err != nil {
			return o.failed(b, err)
		}
		at := o.plan.time(&m)
		if i := len(entries); i > 0 && entries[i-1].time > at {
			sorted = false
		}
		entries = append(entries, entry{at, uint32(off), uint32(len(data) - off)})
	}
	if uint64(len(data)) != b.bytes {
		return o.changed(b)
	}
	if !sorted {
		slices.SortStableFunc(entries, func(x, y entry) int { return cmp.Compare(x.time, y.time) })
	}
	b.data, b.entries = data, entries[b.done:]
	if b.entries[0].time != b.time {
		return o.changed(b)
	}
	o.held += b.size
	o.loaded = append(o.loaded, b)
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
	if err != nil || op != mcap.OpChunk {
		return op, err
	}
	h, err := o.chunkHead()
	if err != nil {
		return op, err
	}
	return op, o.enter(&h, true)
}

// makeRoom evicts the blocks that are needed last. It evicts a few more than necessary, so as not to run for every block.
func (o *ordered) makeRoom(b *openBlock) {
	if len(o.loaded) == 0 || o.held+b.size <= o.limits.open {
		return
	}
	o.evicted = true
	slices.SortFunc(o.loaded, func(x, y *openBlock) int { return cmp.Compare(y.time, x.time) })
	for len(o.loaded) > 0 && o.held+b.size > o.limits.open/2 {
		o.unload(o.loaded[0])
	}
}

func (o *ordered) unload(b *openBlock) {
	b.entries, b.data = nil, nil
	o.held -= b.size
	i := slices.Index(o.loaded, b)
	o.loaded = slices.Delete(o.loaded, i, i+1)
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
