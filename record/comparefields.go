package record

import (
	"fmt"
	"iter"

	"github.com/shmbus/shmbus/record/fields"
	"github.com/shmbus/shmbus/record/mcapfile"
)

// A listPair is two lists of the same length that differ in their bytes.
type listPair struct {
	left, right *messageList
	topic       int // in Difference.Topics
}

// A fieldPair is two messages that differ in their bytes.
type fieldPair struct {
	left, right *mcapfile.Channel
	topic       int    // in Difference.Topics
	what        string // for people
	number      int    // from 1
}

// A payloadReader reads the payloads of messages again, by log time.
type payloadReader struct {
	digest *recordingDigest
	wanted map[messageRef]*fieldPair
	counts map[*messageList]uint32
	next   func() (mcapfile.Message, error, bool)
	stop   func()
	held   map[*fieldPair][]byte // read before they were asked for
	bytes  uint64
}

func (r *recordingDigest) payloads() *payloadReader {
	p := &payloadReader{
		digest: r, wanted: make(map[messageRef]*fieldPair), counts: make(map[*messageList]uint32), held: make(map[*fieldPair][]byte),
	}
	p.next, p.stop = iter.Pull2(r.file.inOrder(r.plan, r.from))
	return p
}

// read returns the next wanted payload.
func (p *payloadReader) read() (*fieldPair, []byte, error) {
	for {
		m, err, ok := p.next()
		if err != nil || !ok {
			return nil, nil, err
		}
		list := p.digest.lists[p.digest.key(&m)]
		if list == nil {
			continue
		}
		ref := messageRef{list, p.counts[list]}
		p.counts[list]++
		if pair := p.wanted[ref]; pair != nil {
			return pair, m.Data, nil
		}
	}
}

// find returns the payload of a pair, which is the next one or a later one.
func (p *payloadReader) find(want *fieldPair, limit uint64) ([]byte, error) {
	if b, ok := p.held[want]; ok {
		delete(p.held, want)
		p.bytes -= uint64(len(b)) + digestCost
		return b, nil
	}
	for {
		pair, b, err := p.read()
		switch {
		case err != nil:
			return nil, err
		case pair == nil:
			return nil, fmt.Errorf("%s: the file was changed meanwhile", p.digest.file.path)
		case pair == want:
			return b, nil
		}
		p.held[pair] = b
		if p.bytes += uint64(len(b)) + digestCost; limit > 0 && p.bytes > limit {
			return nil, fmt.Errorf("the recordings have different messages in so different orders that %d bytes have to be held; allow more memory (--memory), "+
				"or compare fewer topics", p.bytes)
		}
	}
}

// fields compares the messages that differ in their bytes by their fields.
func (c *comparison) fields(left, right *recordingDigest) error {
	if len(c.pairs)+len(c.values) == 0 {
		return nil
	}
	l, r := left.payloads(), right.payloads()
	defer l.stop()
	defer r.stop()
	for _, v := range c.values {
		pair := &fieldPair{v.left.list.channel, v.right.list.channel, v.topic, "the answer to call", v.number}
		l.wanted[v.left], r.wanted[v.right] = pair, pair
	}
	for i := range c.pairs {
		p := &c.pairs[i]
		for k := range p.left.digests {
			if p.left.digests[k].sum == p.right.digests[k].sum {
				continue
			}
			pair := &fieldPair{p.left.channel, p.right.channel, p.topic, "message", k + 1}
			l.wanted[messageRef{p.left, uint32(k)}] = pair
			r.wanted[messageRef{p.right, uint32(k)}] = pair
		}
		if c.opts.Memory > 0 && uint64(len(l.wanted))*4*digestCost > c.opts.Memory/4 {
			return fmt.Errorf("%d messages differ in their bytes, more than the memory allows to compare by their fields; allow more (--memory), or compare fewer topics",
				len(l.wanted))
		}
	}
	for {
		pair, a, err := l.read()
		if err != nil || pair == nil {
			return err
		}
		b, err := r.find(pair, c.opts.Memory/8)
		if err != nil {
			return err
		}
		if text := c.decoded(pair, a, b); text != "" {
			c.topicDiffers(&c.diff.Topics[pair.topic], fmt.Sprintf("%s %d differs: %s", pair.what, pair.number, text))
		}
	}
}

// decoded describes how two payloads differ, "" if they do not.
func (c *comparison) decoded(pair *fieldPair, a, b []byte) string {
	x, err := c.opts.Decode(typeOf(pair.left), a)
	if err != nil {
		return fmt.Sprintf("%d and %d other bytes, which cannot be decoded: %v", len(a), len(b), err)
	}
	y, err := c.opts.Decode(typeOf(pair.right), b)
	if err != nil {
		return fmt.Sprintf("%d and %d other bytes, which cannot be decoded: %v", len(a), len(b), err)
	}
	if x == nil || y == nil {
		return fmt.Sprintf("%d and %d other bytes", len(a), len(b))
	}
	text, err := fields.Compare(x, y, c.opts.Tolerances)
	if err != nil {
		return err.Error()
	}
	return text
}
