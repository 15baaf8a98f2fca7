package mcapfile

import (
	"cmp"
	"errors"
	"io"
	"math"
	"slices"
)

// A Plan knows where the messages of a file are, chunk by chunk, and hands them out by log time; messages of equal log time
// keep the order of the file. Making it reads the whole file once; it keeps about 50 bytes for each chunk.
//
// While messages are handed out, the chunks whose times overlap are in memory, as many as Limits.Open allows; beyond that
// they are read again when their turn comes, so even a file in random order is played from bounded memory, only slower.
type Plan struct {
	Channels []ChannelPlan // in order of appearance, without those that were not kept
	Messages uint64
	Bytes    uint64 // payload
	Start    uint64 // smallest and largest log time
	End      uint64
	Span     uint64  // between the smallest and the largest log time of all messages, also of channels that were not kept
	Damage   *Damage // nil when the file was read whole and was closed
	Stats    Stats

	src    io.ReaderAt
	size   int64
	limits Limits
	defs   definitions
	keep   map[*Channel]bool
	blocks []block
}

// A ChannelPlan counts what there is to read of a channel.
type ChannelPlan struct {
	*Channel
	Messages uint64
	Bytes    uint64
	Largest  uint64 // bytes of the largest payload
	First    uint64 // smallest and largest log time
	Last     uint64
}

// Damage says what of a file could not be read. It is an error that wraps the first one.
type Damage struct {
	First error
	More  uint64 // further errors
}

func (d *Damage) Error() string {
	if d.More == 0 {
		return d.First.Error()
	}
	return d.First.Error() + " (and more damage behind it)"
}

func (d *Damage) Unwrap() error { return d.First }

// Note adds err to the damage, which may be nil as yet.
func (d *Damage) Note(err error) *Damage {
	if d == nil {
		return &Damage{First: err}
	}
	d.More++
	return d
}

// A block is a part of a file that is read at once: a chunk, or messages outside of chunks that follow each other.
type block struct {
	off, length int64
	chunk       bool
	first       uint64 // smallest log time of the messages kept
	messages    uint64 // kept
}

// looseBlock is how long a block outside of chunks may grow.
const looseBlock = 1 << 20

// NewPlan reads a file and remembers where the messages are of the channels that keep accepts (nil = all). What the file
// says wrong ends up in Plan.Damage; an error is what kept NewPlan from reading.
func NewPlan(src io.ReaderAt, size int64, limits *Limits, keep func(*Channel) bool) (*Plan, error) {
	r, err := NewReader(src, size, limits)
	if err != nil {
		return nil, err
	}
	p := &Plan{src: src, size: size, limits: r.limits, keep: make(map[*Channel]bool)}
	counts := make(map[*Channel]*ChannelPlan)
	var m Message
	var first, last uint64 = math.MaxUint64, 0 // log times of all messages
	for {
		if err := r.Next(&m); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			if errors.Is(err, errRead) {
				return nil, err
			}
			p.Damage = p.Damage.Note(err)
			if !Passable(err) {
				break
			}
			continue
		}
		first, last = min(first, m.LogTime), max(last, m.LogTime)
		kept, seen := p.keep[m.Channel]
		if !seen {
			kept = keep == nil || keep(m.Channel)
			p.keep[m.Channel] = kept
		}
		if kept {
			c := counts[m.Channel]
			if c == nil {
				c = &ChannelPlan{Channel: m.Channel}
				counts[m.Channel] = c
			}
			c.add(&m)
			p.add(&m, r.block)
		}
	}
	for _, ch := range r.Channels() {
		if c := counts[ch]; c != nil {
			p.Channels = append(p.Channels, *c)
		}
	}
	p.Span = max(first, last) - first
	p.Stats, p.defs = r.Stats(), r.defs
	slices.SortStableFunc(p.blocks, func(a, b block) int { return cmp.Or(cmp.Compare(a.first, b.first), cmp.Compare(a.off, b.off)) })
	return p, nil
}

func (c *ChannelPlan) add(m *Message) {
	if c.Messages == 0 {
		c.First = m.LogTime
	}
	c.First, c.Last = min(c.First, m.LogTime), max(c.Last, m.LogTime)
	c.Messages++
	c.Bytes += uint64(len(m.Data))
	c.Largest = max(c.Largest, uint64(len(m.Data)))
}

func (p *Plan) add(m *Message, at block) {
	if p.Messages == 0 {
		p.Start, p.End = m.LogTime, m.LogTime
	}
	p.Start, p.End = min(p.Start, m.LogTime), max(p.End, m.LogTime)
	p.Messages++
	p.Bytes += uint64(len(m.Data))
	if n := len(p.blocks); n > 0 {
		last := &p.blocks[n-1]
		switch {
		case last.off == at.off:
		case !last.chunk && !at.chunk && last.off+last.length == at.off && last.length+at.length <= looseBlock:
			last.length += at.length
		default:
			last = nil
		}
		if last != nil {
			last.first = min(last.first, m.LogTime)
			last.messages++
			return
		}
	}
	at.first, at.messages = m.LogTime, 1
	p.blocks = append(p.blocks, at)
}
