package cdr

import (
	"fmt"

	"github.com/shmbus/shmbus/serde"
)

// A Schema is a parsed schema, for programs without the Go type that convert many payloads of one type. It is immutable and may be
// used concurrently.
type Schema struct {
	t serde.Type
	s *schema
}

// ParseSchema parses the schema of t. A type of another encoding or schema encoding is serde.ErrUndecodable, a schema that is not valid a
// *DefinitionError.
func ParseSchema(t serde.Type) (*Schema, error) {
	if t.Encoding != Encoding || t.SchemaEncoding != SchemaEncoding {
		return nil, fmt.Errorf("a payload of encoding %q with schema encoding %q: %w", t.Encoding, t.SchemaEncoding, serde.ErrUndecodable)
	}
	s, err := parseSchema(t.Name, string(t.Schema))
	if err != nil {
		return nil, fmt.Errorf("schema of %s: %w", t.Name, err)
	}
	return &Schema{t, s}, nil
}

func (s *Schema) decodeError(err error) error {
	return &serde.DecodeError{Type: s.t.Name, Encoding: s.t.Encoding, Err: err}
}
