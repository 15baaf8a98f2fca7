package mcapfile

import (
	"container/heap"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/foxglove/mcap/go/mcap"
)

// Narrow returns a plan for the kept channels that want accepts. It may have the other channels as well, if the plan was made without an
// index. Its damage is that of p.
func (p *Plan) Narrow(want func(*Channel) bool) *Plan {
	if p.inside == nil {
		return p
	}
	n := &Plan{src: p.src, size: p.size, limits: p.limits, keep: make(map[*Channel]bool), time: p.time, inside: p.inside, from: p}
	ids := make(map[uint16]bool)
	for ch, kept := range p.keep {
		if kept && want(ch) {
			n.keep[ch], ids[ch.ID] = true, true
		}
	}
	for _, b := range p.blocks {
		if slices.ContainsFunc(p.inside[b.from.off], func(id uint16) bool { return ids[id] }) {
			n.blocks = append(n.blocks, b)
		}
	}
	return n
}

// loadIndexed counts the messages of a chunk of which only the index is known. Then its block is like any other. A block without kept
// messages, also because it is damaged, is not open any more.
func (o *ordered) loadIndexed(b *openBlock) error {
	counted, err := o.count(b.block)
	if errors.Is(err, errRead) {
		return err
	}
	if err != nil {
		o.note(&InvalidRecordError{Offset: b.from.off, Record: "the chunk", Err: err})
	}
	if err != nil || counted.messages == 0 {
		heap.Pop(&o.open)
		return nil
	}
	if counted.first < b.first || counted.last > b.last {
		o.note(&InvalidRecordError{Offset: b.from.off, Record: "the index of the chunk", Err: errors.New("the chunk has other times; the order of its messages may be wrong")})
	}
	b.block, b.time = &counted, counted.first
	heap.Fix(&o.open, 0)
	return nil
}

func (o *ordered) note(err error) {
	p := o.plan
	if p.from != nil {
		p = p.from
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.unread = p.unread.Note(err)
}

// count verifies a chunk and describes its kept messages.
func (o *ordered) count(b *block) (block, error) {
	counted := block{from: b.from, defs: b.defs, first: math.MaxUint64}
	o.seek(b.from.off)
	op, err := o.nextOfFile()
	if err != nil {
		return counted, err
	}
	h, err := o.chunkHead()
	if err != nil || op != mcap.OpChunk || h.size != b.bytes {
		return counted, fmt.Errorf("it is not what the index says: %w", errors.Join(err, errIndex))
	}
	if err := o.enter(&h, false); err != nil {
		return counted, err
	}
	for o.more() {
		op, err := o.nextOfChunk()
		if err != nil {
			return counted, err
		}
		if op == mcap.OpSchema || op == mcap.OpChannel {
			b, err := o.take(o.rest)
			if err == nil {
				err = counted.defs.confirm(op, b)
			}
			if err != nil {
				return counted, err
			}
		}
		if op != mcap.OpMessage {
			continue
		}
		size := o.rest
		head, err := o.take(messageHead)
		if err != nil {
			return counted, err
		}
		var m Message
		if err := b.defs.parseMessage(head, &m); err != nil {
			return counted, err
		}
		if !o.plan.keep[m.Channel] {
			continue
		}
		counted.first, counted.last = min(counted.first, m.LogTime), max(counted.last, m.LogTime)
		counted.messages++
		counted.bytes += size
	}
	return counted, nil
}
