package edit

import (
	"github.com/shmbus/shmbus/record"
	"github.com/shmbus/shmbus/record/mcapfile"
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

// findLatched finds the newest message of each publisher of a latched topic before the start.
func (e *editor) findLatched() error {
	if e.start == 0 || e.opts.NoLatched {
		return nil
	}
	newest := make(map[publisherKey]messageKey)
	for _, s := range e.sources {
		if !s.latched || s.begin >= e.start {
			continue
		}
		r, err := s.reader(e.opts.Memory / readShare)
		if err != nil {
			return err
		}
		c := e.contentOf(s)
		err = s.each(e.ctx, r, true, func(int64) {}, func(m *mcapfile.Message) error {
			at := s.shifted(m.LogTime)
			if at >= e.start || !record.IsLatched(m.Channel) {
				return nil
			}
			to, err := c.channel(m.Channel)
			if to == nil || err != nil {
				return err
			}
			id, _ := c.publishers.Of(m, r.Metadata())
			key := publisherKey{to, id}
			if old, ok := newest[key]; !ok || at >= old.logTime {
				newest[key] = messageKey{to, m.Sequence, at, s.shifted(m.PublishTime)}
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
	if last, ok := c.written.latched[key]; ok && last == sequence {
		return true
	}
	if c.written.latched == nil {
		c.written.latched = make(map[publisherKey]uint64)
	}
	c.written.latched[key] = sequence
	return false
}
