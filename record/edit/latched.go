package edit

import (
	"crypto/sha256"
	"fmt"

	"github.com/shmbus/shmbus/record"
	"github.com/shmbus/shmbus/record/mcapfile"
	"github.com/shmbus/shmbus/serde"
)

// A messageKey is what a message of the new file is known by in two readings of the sources.
type messageKey struct {
	channel     *mcapfile.Channel
	sequence    uint32
	logTime     uint64
	publishTime uint64
}

func keyOf(m *mcapfile.Message) messageKey {
	return messageKey{m.Channel, m.Sequence, m.LogTime, m.PublishTime}
}

// A publisherKey is a publisher of a channel of the new file.
type publisherKey struct {
	channel *mcapfile.Channel
	id      string
}

// A latchedKey is a publisher, or one of its keys.
type latchedKey struct {
	publisherKey
	sum [sha256.Size]byte // of the key
}

// maxLatched bounds the messages from before the start.
const maxLatched = 1 << 20

// findLatched finds the newest message of each publisher of a latched topic before the start, or of each of its keys.
func (e *editor) findLatched() error {
	if e.start == 0 || e.opts.NoLatched {
		return nil
	}
	newest := make(map[latchedKey]messageKey)
	keys := make(map[*mcapfile.Channel]func([]byte) string)
	for _, s := range e.sources {
		if !s.latched || s.begin >= e.start {
			continue
		}
		r, err := s.reader()
		if err != nil {
			return err
		}
		c := e.contentOf(s)
		err = s.each(e.ctx, r, e.opts.Key == nil, func(int64) {}, func(m *mcapfile.Message) error {
			at := s.shifted(m.LogTime)
			if at >= e.start || !record.IsLatched(m.Channel) {
				return nil
			}
			to, err := c.channel(m.Channel)
			if to == nil || err != nil {
				return err
			}
			id, _ := c.publishers.Of(m, r.Metadata())
			key := latchedKey{publisherKey: publisherKey{to, id}}
			if e.opts.Key != nil {
				keyOf, known := keys[to]
				if !known {
					keyOf = e.opts.Key(to.Topic, serde.Type{Name: to.SchemaName, Encoding: to.Encoding, SchemaEncoding: to.SchemaEncoding, Schema: to.Schema})
					keys[to] = keyOf
				}
				if keyOf != nil {
					key.sum = sha256.Sum256([]byte(keyOf(m.Data)))
				}
			}
			if _, ok := newest[key]; !ok && len(newest) >= maxLatched {
				return fmt.Errorf("more than %d keys are before the start; choose fewer topics", maxLatched)
			}
			if old, ok := newest[key]; !ok || at >= old.logTime {
				newest[key] = messageKey{to, m.Sequence, at, s.published(m)}
			}
			return nil
		})
		if s.damage = nil; err != nil {
			return err
		}
	}
	e.latched = make(map[messageKey]bool)
	for _, key := range newest {
		e.latched[key] = true
	}
	return nil
}

// isRepeated reports whether a latched message was written before: a recorder repeats it at the beginning of each part.
func (c *content) isRepeated(m, out *mcapfile.Message) bool {
	if !record.IsLatched(m.Channel) {
		return false
	}
	id, sequence := c.publishers.Of(m, c.all)
	if id == "" {
		return false
	}
	key := publisherKey{out.Channel, id}
	last, ok := c.written.latched[key]
	older := last.from != c && sequence < last.sequence && m.LogTime > m.PublishTime // of several keys a part repeats older messages too
	if ok && (last.sequence == sequence || older) {
		return true
	}
	if c.written.latched == nil {
		c.written.latched = make(map[publisherKey]lastWritten)
	}
	c.written.latched[key] = lastWritten{c, sequence}
	return false
}

// lastWritten is the last message of a publisher.
type lastWritten struct {
	from     *content
	sequence uint64
}
