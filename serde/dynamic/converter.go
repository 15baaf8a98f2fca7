package dynamic

import (
	"encoding/json"
	"sync"

	"github.com/shmbus/shmbus/serde"
)

// Limits of what a Converter keeps. A parsed schema of protobuf takes 20 to 80 times the memory of its bytes.
const (
	maxSchemas     = 256
	maxSchemaBytes = 4 << 20 // of the schemas' own bytes; a larger one is kept alone
)

// ToJSON converts a payload to JSON. The error is serde.ErrUndecodable for an encoding that is not supported, or that needs a schema if t
// has none, and a *serde.DecodeError for a malformed payload. It parses the schema each time; a Converter does that once.
func ToJSON(t serde.Type, payload []byte) (json.RawMessage, error) {
	var c Converter
	return c.ToJSON(t, payload)
}

// FromJSON makes a payload of type t from one JSON value. The error is serde.ErrUndecodable as for ToJSON.
func FromJSON(t serde.Type, js []byte) ([]byte, error) {
	var c Converter
	return c.FromJSON(t, js)
}

// ToValue converts a payload to a generic value, as the package documentation describes. Errors are those of ToJSON. The value does not
// alias the payload.
func ToValue(t serde.Type, payload []byte) (any, error) {
	var c Converter
	return c.ToValue(t, payload)
}

// A Converter converts payloads and keeps the schemas that it has parsed, at most 256 schemas of together 4 MiB, or one larger schema. It knows a schema by
// the memory that holds it, so it serves well where types come from samples or from a recording, whose schemas stay where they are.
// The zero value is ready. It may be used concurrently and must not be copied.
type Converter struct {
	mu      sync.Mutex
	schemas map[schemaKey]parsedSchema
	size    int // bytes of all kept schemas
}

// ToJSON is as the function of that name.
func (c *Converter) ToJSON(t serde.Type, payload []byte) (json.RawMessage, error) {
	f, err := c.form(t)
	if err != nil {
		return nil, err
	}
	return f.ToJSON(payload)
}

// FromJSON is as the function of that name.
func (c *Converter) FromJSON(t serde.Type, js []byte) ([]byte, error) {
	f, err := c.form(t)
	if err != nil {
		return nil, err
	}
	return f.FromJSON(js)
}

// ToValue is as the function of that name.
func (c *Converter) ToValue(t serde.Type, payload []byte) (any, error) {
	f, err := c.form(t)
	if err != nil {
		return nil, err
	}
	return f.ToValue(payload)
}

// A schemaKey identifies a schema by its memory, which is not changed and which the key keeps alive.
type schemaKey struct {
	name, encoding, schemaEncoding string
	first                          *byte
	size                           int
}

// A parsedSchema is the form of a type or the reason why there is none.
type parsedSchema struct {
	form form
	err  error
}

func (c *Converter) form(t serde.Type) (form, error) {
	if len(t.Schema) == 0 {
		return parse(t)
	}
	key := schemaKey{t.Name, t.Encoding, t.SchemaEncoding, &t.Schema[0], len(t.Schema)}
	c.mu.Lock()
	p, ok := c.schemas[key]
	c.mu.Unlock()
	if ok {
		return p.form, p.err
	}
	p.form, p.err = parse(t) // without the lock: it may take long
	c.keep(key, p)
	return p.form, p.err
}

// keep stores a parsed schema. Where there is no room it drops others, in no particular order.
func (c *Converter) keep(key schemaKey, p parsedSchema) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.schemas[key]; ok {
		return
	}
	for old := range c.schemas {
		if len(c.schemas) < maxSchemas && c.size+key.size <= maxSchemaBytes {
			break
		}
		delete(c.schemas, old)
		c.size -= old.size
	}
	if c.schemas == nil {
		c.schemas = map[schemaKey]parsedSchema{}
	}
	c.schemas[key] = p
	c.size += key.size
}
