package mcapfile

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
)

type schema struct {
	name, encoding string
	data           []byte
}

// A position is where a record is: the chunk, and where in its records; outside of chunks the record itself, and 0.
type position struct{ off, in int64 }

func (p position) before(q position) bool { return p.off < q.off || p.off == q.off && p.in < q.in }

// definitions are the schemas and channels that a file has declared so far.
type definitions struct {
	schemas  map[uint16]*schema
	channels map[uint16]*Channel
	list     []*Channel // in order of appearance
	since    map[*Channel]position
	size     uint64 // bytes of the records kept
	limit    uint64
}

var errRedefined = errors.New("declared again, and differently")

// recordCost is what keeping a record takes besides its bytes, roughly.
const recordCost = 256

func (d *definitions) account(n int) error {
	size := d.size + uint64(n) + recordCost
	if size > d.limit {
		return &LimitError{What: "the schemas, channels and metadata up to the record", Size: size, Limit: d.limit}
	}
	d.size = size
	return nil
}

func (d *definitions) addSchema(b []byte) error {
	c := cursor{b: b}
	id := c.uint16()
	s := &schema{name: c.string(), encoding: c.string()}
	data := c.take(uint64(c.uint32()))
	if c.err != nil {
		return c.err
	}
	if id == 0 {
		return errors.New("a schema must not have the number 0")
	}
	if old, ok := d.schemas[id]; ok {
		if old.name != s.name || old.encoding != s.encoding || !bytes.Equal(old.data, data) {
			return fmt.Errorf("schema %d: %w", id, errRedefined)
		}
		return nil
	}
	if err := d.account(len(b)); err != nil {
		return err
	}
	if len(data) > 0 {
		s.data = bytes.Clone(data)
	}
	d.schemas[id] = s
	return nil
}

func (d *definitions) addChannel(b []byte, at position) error {
	c := cursor{b: b}
	id, schemaID := c.uint16(), c.uint16()
	ch := &Channel{ID: id, Topic: c.string(), Encoding: c.string()}
	ch.Metadata = c.strings()
	if c.err != nil {
		return c.err
	}
	if schemaID != 0 {
		s, ok := d.schemas[schemaID]
		if !ok {
			return fmt.Errorf("channel %d (%.100q): its schema %d was not declared", id, ch.Topic, schemaID)
		}
		ch.SchemaName, ch.SchemaEncoding, ch.Schema = s.name, s.encoding, s.data
	}
	if old, ok := d.channels[id]; ok {
		if !old.same(ch) {
			return fmt.Errorf("channel %d (%.100q): %w", id, old.Topic, errRedefined)
		}
		return nil
	}
	if err := d.account(len(b)); err != nil {
		return err
	}
	d.channels[id] = ch
	d.list = append(d.list, ch)
	d.since[ch] = at
	return nil
}

func (c *Channel) same(o *Channel) bool {
	return c.Topic == o.Topic && c.Encoding == o.Encoding && c.SchemaName == o.SchemaName &&
		c.SchemaEncoding == o.SchemaEncoding && bytes.Equal(c.Schema, o.Schema) && maps.Equal(c.Metadata, o.Metadata)
}

// parseMessage fills m, whose Data then is part of b.
func (d *definitions) parseMessage(b []byte, m *Message) error {
	c := cursor{b: b}
	id := c.uint16()
	m.Sequence, m.LogTime, m.PublishTime = c.uint32(), c.uint64(), c.uint64()
	if c.err != nil {
		return c.err
	}
	ch, ok := d.channels[id]
	if !ok {
		return fmt.Errorf("its channel %d was not declared", id)
	}
	m.Channel, m.Data = ch, c.b
	return nil
}
