package plain

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

// ParseSchema parses the schema of t. It returns serde.ErrUndecodable for another encoding or without a schema of this package, and a
// *serde.DecodeError for a malformed schema.
func ParseSchema(t serde.Type) (*Schema, error) {
	if t.Encoding != Encoding || t.SchemaEncoding != SchemaEncoding || len(t.Schema) == 0 {
		return nil, fmt.Errorf("a payload of encoding %q with schema encoding %q: %w", t.Encoding, t.SchemaEncoding, serde.ErrUndecodable)
	}
	s, err := parseSchema(t.Schema)
	if err != nil {
		return nil, decodeError(&t, err)
	}
	return &Schema{t, s}, nil
}
