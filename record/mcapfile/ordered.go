package mcapfile

import (
	"cmp"
	"container/heap"
	"fmt"
	"io"
	"iter"
	"slices"

	"github.com/foxglove/mcap/go/mcap"
)

// InOrder yields the messages of the plan by log time. Their Data stays valid as long as anybody holds it. An error is
// the last turn: the file is no longer what it was when the plan was made. May be called again, also concurrently.
func (p *Plan) InOrder() iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		o := ordered{plan: p, unpack: unpacker{limit: p.limits.Chunk}}
		rest := p.blocks
		for len(rest) > 0 || len(o.open) > 0 {
			// A block that begins at the very moment of the open one may come before it in the file.
			for len(rest) > 0 && (len(o.open) == 0 || rest[0].first <= o.open[0].time()) {
				if err := o.begin(rest[0]); err != nil {
					yield(Message{}, err)
					return
				}
				rest = rest[1:]
			}
			if len(o.open) == 0 {
				return
			}
			m, err := o.next()
			if !yield(m, err) || err != nil {
				return
			}
		}
	}
}

// ordered merges the open blocks.
type ordered struct {
	plan   *Plan
	unpack unpacker
	open   blockHeap
	held   uint64 // bytes of records in memory
}

// An openBlock is a block with messages still to come.
type openBlock struct {
	block
	entries []entry // to come, by log time
	records []byte  // nil when they had to make room
	size    uint64  // of records
}

type entry struct {
	time uint64
	off  uint32 // of the message record's body in the block; Limits.Chunk keeps it in range
	len  uint32
}

func (b *openBlock) time() uint64 { return b.entries[0].time }

func (o *ordered) begin(at block) error {
	b := &openBlock{block: at}
	if err := o.load(b); err != nil {
		return err
	}
	b.entries = make([]entry, 0, at.messages)
	sorted := true
	each(b.records, func(off int, body []byte) {
		var m Message
		// What could not be read when the plan was made is passed over again: also what came before its channel.
		if o.plan.defs.parseMessage(body, &m) != nil || !o.plan.keep[m.Channel] || at.position(off).before(o.plan.defs.since[m.Channel]) {
			return
		}
		if n := len(b.entries); n > 0 && b.entries[n-1].time > m.LogTime {
			sorted = false
		}
		b.entries = append(b.entries, entry{m.LogTime, uint32(off), uint32(len(body))})
	})
	if uint64(len(b.entries)) != at.messages {
		return o.changed(b)
	}
	if !sorted {
		slices.SortStableFunc(b.entries, func(x, y entry) int { return cmp.Compare(x.time, y.time) })
	}
	heap.Push(&o.open, b)
	return nil
}

func (o *ordered) changed(b *openBlock) error {
	return fmt.Errorf("read the block at byte %d again: the file was changed meanwhile", b.off)
}

// next returns the earliest message of the open blocks.
func (o *ordered) next() (Message, error) {
	b := o.open[0]
	if b.records == nil {
		if err := o.load(b); err != nil {
			return Message{}, err
		}
	}
	e := b.entries[0]
	var m Message
	if uint64(e.off)+uint64(e.len) > uint64(len(b.records)) || o.plan.defs.parseMessage(b.records[e.off:e.off+e.len], &m) != nil {
		return Message{}, o.changed(b)
	}
	m.Data = slices.Clip(m.Data)
	if b.entries = b.entries[1:]; len(b.entries) == 0 {
		heap.Pop(&o.open)
		o.held -= b.size
	} else {
		heap.Fix(&o.open, 0)
	}
	return m, nil
}

// load reads the records of a block. Where that is too much, those blocks make room whose turn comes last.
func (o *ordered) load(b *openBlock) error {
	raw := make([]byte, b.length)
	if _, err := io.ReadFull(io.NewSectionReader(o.plan.src, b.off, b.length), raw); err != nil {
		return fmt.Errorf("%w: %w", errRead, err)
	}
	b.records = raw
	if b.chunk {
		h, err := parseChunk(raw[recordHead:])
		if err == nil && h.compression == string(mcap.CompressionNone) {
			b.records = h.packed // unpacking would only copy them
		} else if err == nil {
			b.records, err = o.unpack.unpack(nil, &h)
		}
		if err != nil {
			return fmt.Errorf("%w: %w", o.changed(b), err)
		}
	}
	b.size = uint64(len(b.records))
	o.held += b.size
	for o.held > o.plan.limits.Open {
		var last *openBlock
		for _, c := range o.open {
			if c != b && c.records != nil && (last == nil || c.time() > last.time()) {
				last = c
			}
		}
		if last == nil {
			break
		}
		last.records = nil
		o.held -= last.size
	}
	return nil
}

// position returns where a message record is whose body is at off in the block.
func (b *block) position(off int) position {
	if b.chunk {
		return position{b.off, int64(off) - recordHead}
	}
	return position{off: b.off + int64(off) - recordHead}
}

// each calls fn with every message record of records.
func each(records []byte, fn func(off int, body []byte)) {
	c := cursor{b: records}
	for len(c.b) > 0 {
		head := c.take(recordHead)
		if head == nil {
			return
		}
		n := cursor{b: head[1:]}
		off := len(records) - len(c.b)
		body := c.take(n.uint64())
		if c.err != nil {
			return
		}
		if mcap.OpCode(head[0]) == mcap.OpMessage {
			fn(off, body)
		}
	}
}

// A blockHeap has the block with the earliest message first.
type blockHeap []*openBlock

func (h blockHeap) Len() int { return len(h) }
func (h blockHeap) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(h[i].time(), h[j].time()), cmp.Compare(h[i].off, h[j].off)) < 0
}
func (h blockHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *blockHeap) Push(x any)   { *h = append(*h, x.(*openBlock)) }
func (h *blockHeap) Pop() any {
	old := *h
	b := old[len(old)-1]
	*h = old[:len(old)-1]
	return b
}
