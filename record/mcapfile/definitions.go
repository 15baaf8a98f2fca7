package mcapfile

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/foxglove/mcap/go/mcap"
)

type schema struct {
	name, encoding string
	data           []byte
	used           bool // by a channel
}

// definitions holds the schemas and channels that a part has declared so far.
type definitions struct {
	schemas  map[uint16]*schema
	channels map[uint16]*Channel
	alike    map[[sha256.Size]byte][]uint16 // by the description of channels: their ids
	unused   int                            // schemas without a channel
}

func newDefinitions() *definitions {
	return &definitions{schemas: make(map[uint16]*schema), channels: make(map[uint16]*Channel), alike: make(map[[sha256.Size]byte][]uint16)}
}

var errRedefined = errors.New("declared again, and differently")

// parseSchema returns a schema whose data is in b.
func parseSchema(b []byte) (id uint16, s schema, err error) {
	c := cursor{b: b}
	id = c.uint16()
	s = schema{name: c.string(), encoding: c.string()}
	s.data = c.take(uint64(c.uint32()))
	if c.err == nil && id == 0 {
		return id, s, errors.New("a schema must not have the number 0")
	}
	return id, s, c.err
}

func (s *schema) same(o *schema) bool {
	return s.name == o.name && s.encoding == o.encoding && bytes.Equal(s.data, o.data)
}

func (d *definitions) addSchema(b []byte, kept *budget) error {
	id, s, err := parseSchema(b)
	if err != nil {
		return err
	}
	if old, ok := d.schemas[id]; ok {
		if !old.same(&s) {
			return fmt.Errorf("schema %d: %w", id, errRedefined)
		}
		return nil
	}
	if err := kept.take(uint64(len(b)) + recordCost); err != nil {
		return err
	}
	if s.data = bytes.Clone(s.data); len(s.data) == 0 {
		s.data = nil
	}
	d.schemas[id] = &s
	d.unused++
	return nil
}

// addChannel returns the channel if it is new, and nil if it is declared already.
func (d *definitions) addChannel(b []byte, kept *budget) (*Channel, error) {
	c := cursor{b: b}
	ch := &Channel{ID: c.uint16(), schemaID: c.uint16(), Topic: c.string(), Encoding: c.string()}
	entries := c.entries()
	if c.err != nil {
		return nil, c.err
	}
	cost := uint64(len(b)) + recordCost + entries*entryCost
	if err := kept.room(cost); err != nil {
		return nil, err
	}
	if ch.Metadata = c.strings(); c.err != nil {
		return nil, c.err
	}
	if ch.schemaID != 0 {
		s, ok := d.schemas[ch.schemaID]
		if !ok {
			return nil, fmt.Errorf("channel %d (%.100q): its schema %d was not declared", ch.ID, ch.Topic, ch.schemaID)
		}
		ch.SchemaName, ch.SchemaEncoding, ch.Schema = s.name, s.encoding, s.data
	}
	if old, ok := d.channels[ch.ID]; ok {
		if !old.same(ch) {
			return nil, fmt.Errorf("channel %d (%.100q): %w", ch.ID, old.Topic, errRedefined)
		}
		return nil, nil
	}
	if s := d.schemas[ch.schemaID]; s != nil && !s.used {
		s.used = true
		d.unused--
	}
	ch.nth = d.nth(ch)
	d.channels[ch.ID] = ch
	return ch, kept.take(cost)
}

// nth returns the number of channels before one that differ in nothing but their ID.
func (d *definitions) nth(ch *Channel) int {
	key := sha256.Sum256(ch.description())
	ids := d.alike[key]
	i := slices.Index(ids, ch.ID)
	if i < 0 {
		i = len(ids)
		d.alike[key] = append(ids, ch.ID)
	}
	return i
}

// confirm returns an error if a record contradicts the definitions, which it does not change.
func (d *definitions) confirm(op mcap.OpCode, record []byte) (err error) {
	c := cursor{b: record}
	id := c.uint16()
	unlimited := budget{limits: shares{memory: math.MaxUint64}}
	switch {
	case op == mcap.OpSchema && d.schemas[id] != nil:
		err = d.addSchema(record, &unlimited)
	case op == mcap.OpChannel && d.channels[id] != nil:
		_, err = d.addChannel(record, &unlimited)
	}
	return err
}

// without returns the definitions without the schema and its channels, or without the channel, that a record declares. It returns no
// definitions if there is no memory for them.
func (d *definitions) without(op mcap.OpCode, record []byte, kept *budget) *definitions {
	if kept.take(entryCost*uint64(len(d.schemas)+len(d.channels))) != nil {
		return newDefinitions()
	}
	n := &definitions{schemas: maps.Clone(d.schemas), channels: maps.Clone(d.channels), alike: d.alike, unused: d.unused}
	c := cursor{b: record}
	id := c.uint16()
	if op == mcap.OpChannel {
		delete(n.channels, id)
		return n
	}
	delete(n.schemas, id)
	maps.DeleteFunc(n.channels, func(_ uint16, ch *Channel) bool { return ch.schemaID == id })
	return n
}

func (c *Channel) same(o *Channel) bool {
	return c.Topic == o.Topic && c.Encoding == o.Encoding && c.SchemaName == o.SchemaName &&
		c.SchemaEncoding == o.SchemaEncoding && bytes.Equal(c.Schema, o.Schema) && maps.Equal(c.Metadata, o.Metadata)
}

// parseMessage fills m, except Data, from the beginning of a message record.
func (d *definitions) parseMessage(head []byte, m *Message) error {
	c := cursor{b: head}
	id := c.uint16()
	m.Sequence, m.LogTime, m.PublishTime, m.Data = c.uint32(), c.uint64(), c.uint64(), nil
	if c.err != nil {
		return c.err
	}
	ch, ok := d.channels[id]
	if !ok {
		return fmt.Errorf("its channel %d was not declared", id)
	}
	m.Channel = ch
	return nil
}
