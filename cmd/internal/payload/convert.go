// Package payload converts payloads of all encodings that the tools know to JSON and back.
package payload

import (
	"encoding/json"

	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/serde/cdr"
	"github.com/shmbus/shmbus/serde/plain"
	"github.com/shmbus/shmbus/serde/protobuf"
)

// maxSchemas is the number of parsed schemas that a Converter keeps.
const maxSchemas = 64

// A Converter converts payloads. It parses each schema once. The zero value is ready. It is for one goroutine at a time.
type Converter struct {
	schemas map[schemaKey]parsedSchema
}

// ToJSON converts a payload to JSON. The error is as for serde.ToJSON: serde.ErrUndecodable for an encoding that the tools do not
// know, or that needs a schema if t has none.
func (c *Converter) ToJSON(t serde.Type, payload []byte) (json.RawMessage, error) {
	switch t.Encoding {
	case protobuf.Encoding:
		s, err := c.schema(t)
		if err != nil {
			return nil, err
		}
		return s.ToJSON(payload)
	case cdr.Encoding:
		return cdr.ToJSON(t, payload)
	case plain.Encoding:
		return plain.ToJSON(t, payload)
	}
	return serde.ToJSON(t, payload)
}

// FromJSON makes a payload of type t from one JSON value. The error is serde.ErrUndecodable as for ToJSON.
func (c *Converter) FromJSON(t serde.Type, js []byte) ([]byte, error) {
	switch t.Encoding {
	case protobuf.Encoding:
		s, err := c.schema(t)
		if err != nil {
			return nil, err
		}
		return s.FromJSON(js)
	case cdr.Encoding:
		return cdr.FromJSON(t, js)
	case plain.Encoding:
		return plain.FromJSON(t, js)
	}
	return serde.FromJSON(t.Encoding, js)
}

// A schemaKey identifies a schema by its memory, which is not changed and which the key keeps alive.
type schemaKey struct {
	name  string
	first *byte
	size  int
}

// A parsedSchema is a schema or the reason why it cannot be parsed.
type parsedSchema struct {
	schema *protobuf.Schema
	err    error
}

func (c *Converter) schema(t serde.Type) (*protobuf.Schema, error) {
	if len(t.Schema) == 0 {
		return protobuf.ParseSchema(t) // which returns the error for it
	}
	key := schemaKey{t.Name, &t.Schema[0], len(t.Schema)}
	if p, ok := c.schemas[key]; ok {
		return p.schema, p.err
	}
	if c.schemas == nil || len(c.schemas) >= maxSchemas {
		c.schemas = map[schemaKey]parsedSchema{}
	}
	s, err := protobuf.ParseSchema(t)
	c.schemas[key] = parsedSchema{s, err}
	return s, err
}
