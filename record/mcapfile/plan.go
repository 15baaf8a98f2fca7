package mcapfile

import (
	"cmp"
	"errors"
	"io"
	"math"
	"slices"
	"sync"
)

// A Plan holds the positions of a file's messages, block by block, and yields the messages by log time. Messages of equal
// log time keep the order of the file. Making a Plan reads the whole file once, without payloads. It keeps about 150 bytes
// for each megabyte.
//
// During the iteration, the blocks with overlapping times are in memory. Where they exceed the Limits, they are read in passes, each of
// which takes the earliest messages that fit into memory. A file in random order is therefore read with bounded memory, but more slowly.
type Plan struct {
	Channels []ChannelPlan // in order of appearance; only channels with messages that were kept
	Declared []*Channel    // all channels of the file
	Messages uint64
	Bytes    uint64 // payload
	Start    uint64 // smallest and largest log time
	End      uint64
	First    uint64  // smallest log time of all messages, including channels that were not kept
	Span     uint64  // between the smallest and the largest log time of all messages, including channels that were not kept
	Damage   *Damage // nil if the file was read completely and was closed
	Stats    Stats

	src    io.ReaderAt
	size   int64
	limits shares
	keep   map[*Channel]bool
	time   func(*Message) uint64 // by which the messages are ordered
	blocks []block
	chunk  uint64 // bytes of the largest chunk that is in memory as a whole
	window uint64 // bytes of the largest zstd window; 0 if the plan was made from an index
	kept   uint64 // bytes of schemas, channels, metadata and blocks; likewise
	// Where a chunk is of which the file lacks the end; 0 = there is none with messages.
	cutFrom, cutTo int64
	inside         map[int64][]uint16 // ids of the channels of the chunk at a position; nil without an index

	from *Plan // of which it has some channels

	mu     sync.Mutex
	unread *Damage // found while messages were read, in a plan that was made from an index
}

// A ChannelPlan describes the messages of a channel.
type ChannelPlan struct {
	*Channel
	Messages uint64
	Bytes    uint64
	Largest  uint64 // bytes of the largest payload
	First    uint64 // smallest and largest log time
	Last     uint64
}

// Damage describes the unreadable parts of a file. It is an error that wraps the first one.
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

// Note adds err to the damage. d may be nil.
func (d *Damage) Note(err error) *Damage {
	if d == nil {
		return &Damage{First: err}
	}
	d.More++
	return d
}

// A block is a group of consecutive messages of the file that are in memory together.
type block struct {
	from     position
	defs     *definitions
	first    uint64 // smallest and largest time of the messages kept, or of all messages of an indexed chunk
	last     uint64
	indexed  bool   // all messages of a chunk that was not read yet; messages is unknown, and bytes is the size of its records
	messages uint32 // kept
	bytes    uint64 // of their records, without heads
}

const blockCost = 144 // also of an openBlock

// Orders of the messages of a Plan.
func byLogTime(m *Message) uint64     { return m.LogTime }
func byPublishTime(m *Message) uint64 { return m.PublishTime }

// NewPlanByPublishTime is NewPlan for the messages in the order of their publish times. Plan.Start, End and Span and the times
// of ChannelPlan are log times all the same.
func NewPlanByPublishTime(src io.ReaderAt, size int64, limits *Limits, keep func(*Channel) bool) (*Plan, error) {
	return newPlan(src, size, limits, keep, byPublishTime, false)
}

// NewPlan reads a file and stores the positions of the messages of the channels that keep accepts (nil = all). Faults of
// the file are in Plan.Damage. An error means that NewPlan could not read.
func NewPlan(src io.ReaderAt, size int64, limits *Limits, keep func(*Channel) bool) (*Plan, error) {
	return newPlan(src, size, limits, keep, byLogTime, false)
}

func newPlan(src io.ReaderAt, size int64, limits *Limits, keep func(*Channel) bool, time func(*Message) uint64, salvages bool) (*Plan, error) {
	r, err := NewReader(src, size, limits)
	if err != nil {
		return nil, err
	}
	r.skipAttachments, r.salvages = true, salvages
	p := &Plan{src: src, size: size, limits: r.limits, keep: make(map[*Channel]bool), time: time}
	counts := make(map[*Channel]*ChannelPlan)
	var m Message
	var first, last uint64 = math.MaxUint64, 0 // log times of all messages
	var current *block                         // takes further messages
	for {
		size, err := r.Skim(&m)
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			if r.cut {
				p.cutFrom, p.cutTo = r.at.off, r.pos
			}
			if r.inChunk && r.chunk.stream == nil {
				p.chunk = max(p.chunk, r.chunk.size)
			}
			first, last = min(first, m.LogTime), max(last, m.LogTime)
			kept, seen := p.keep[m.Channel]
			if !seen {
				kept = keep == nil || keep(m.Channel)
				p.keep[m.Channel] = kept
			}
			if !kept {
				continue
			}
			if err = r.fits(size); err == nil {
				current, err = p.add(r, current, &m, size)
			}
		}
		if err != nil {
			current = nil // a block must not contain unreadable bytes
			if errors.Is(err, errRead) {
				return nil, err
			}
			p.Damage = p.Damage.Note(err)
			if !Recoverable(err) {
				break
			}
			continue
		}
		c := counts[m.Channel]
		if c == nil {
			c = &ChannelPlan{Channel: m.Channel, First: m.LogTime, Last: m.LogTime}
			counts[m.Channel] = c
		}
		c.add(&m, size)
	}
	for _, ch := range r.Channels() {
		if c := counts[ch]; c != nil {
			p.Channels = append(p.Channels, *c)
		}
	}
	p.Declared = r.Channels()
	if p.Span = max(first, last) - first; first <= last {
		p.First = first
	}
	p.Stats, p.window, p.kept = r.Stats(), r.unpack.window, r.kept.held
	p.sortBlocks()
	return p, nil
}

func (p *Plan) sortBlocks() {
	slices.SortStableFunc(p.blocks, func(a, b block) int { return cmp.Or(cmp.Compare(a.first, b.first), a.from.compare(b.from)) })
}

func (c *ChannelPlan) add(m *Message, size uint64) {
	c.First, c.Last = min(c.First, m.LogTime), max(c.Last, m.LogTime)
	c.Messages++
	c.Bytes += size
	c.Largest = max(c.Largest, size)
}

// add counts a message and adds it to a block, which it returns.
func (p *Plan) add(r *Reader, b *block, m *Message, size uint64) (*block, error) {
	bytes := messageHead + size
	// A block spans several chunks only while they are small: the times of one chunk lie close together.
	if b == nil || b.defs != r.part.defs || b.bytes+bytes > p.limits.block || r.at.off != b.from.off && b.bytes > p.limits.block/8 {
		if err := r.kept.take(blockCost); err != nil {
			err.(*MemoryLimitError).Offset = r.at.off
			return nil, err
		}
		p.blocks = append(p.blocks, block{from: r.at, defs: r.part.defs, first: p.time(m)})
		b = &p.blocks[len(p.blocks)-1]
	}
	b.first, b.last = min(b.first, p.time(m)), max(b.last, p.time(m))
	b.messages++
	b.bytes += bytes
	if p.Messages == 0 {
		p.Start, p.End = m.LogTime, m.LogTime
	}
	p.Start, p.End = min(p.Start, m.LogTime), max(p.End, m.LogTime)
	p.Messages++
	p.Bytes += size
	return b, nil
}
