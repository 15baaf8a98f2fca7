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

// definitions holds the schemas and channels that a part has declared so far.
type definitions struct {
	schemas  map[uint16]*schema
	channels map[uint16]*Channel
}

func newDefinitions() *definitions {
	return &definitions{schemas: make(map[uint16]*schema), channels: make(map[uint16]*Channel)}
}

var errRedefined = errors.New("declared again, and differently")

func (d *definitions) addSchema(b []byte, kept *budget) error {
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
	if err := kept.take(uint64(len(b)) + recordCost); err != nil {
		return err
	}
	if len(data) > 0 {
		s.data = bytes.Clone(data)
	}
	d.schemas[id] = s
	return nil
}

// addChannel returns the channel if it is new, and nil if it is declared already.
func (d *definitions) addChannel(b []byte, kept *budget) (*Channel, error) {
	c := cursor{b: b}
	id, schemaID := c.uint16(), c.uint16()
	ch := &Channel{ID: id, Topic: c.string(), Encoding: c.string()}
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
	if schemaID != 0 {
		s, ok := d.schemas[schemaID]
		if !ok {
			return nil, fmt.Errorf("channel %d (%.100q): its schema %d was not declared", id, ch.Topic, schemaID)
		}
		ch.SchemaName, ch.SchemaEncoding, ch.Schema = s.name, s.encoding, s.data
	}
	if old, ok := d.channels[id]; ok {
		if !old.same(ch) {
			return nil, fmt.Errorf("channel %d (%.100q): %w", id, old.Topic, errRedefined)
		}
		return nil, nil
	}
	d.channels[id] = ch
	return ch, kept.take(cost)
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
