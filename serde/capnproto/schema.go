package capnproto

import (
	"fmt"

	"github.com/shmbus/shmbus/serde"
)

// Limits of the schemas that ParseSchema accepts.
const (
	maxSchema  = 16 << 20 // bytes
	maxNodes   = 1 << 16
	maxMembers = 1 << 18 // fields and enum values, together
)

// A Schema is the parsed schema of a struct, for tools that do not know the generated type. It is immutable and may be used
// concurrently.
type Schema struct {
	name  string
	root  *node
	bytes *message // of the schema, for default values
}

// ParseSchema parses the schema of t, a CodeGeneratorRequest. The name of the type is the display name of exactly one struct in it, as
// MCAP demands. A type of another encoding or without a schema is serde.ErrUndecodable. The schema is not trusted: its size, nodes,
// fields and depth are limited. Declarations that the struct does not need are ignored.
func ParseSchema(t serde.Type) (*Schema, error) {
	switch {
	case t.Encoding != Encoding:
		return nil, fmt.Errorf("a payload of encoding %q is not capnproto: %w", t.Encoding, serde.ErrUndecodable)
	case t.SchemaEncoding != Encoding || len(t.Schema) == 0:
		return nil, fmt.Errorf("%s in encoding %q has no schema: %w", t.Name, t.Encoding, serde.ErrUndecodable)
	}
	s, err := parse(t.Schema, func(n *node) bool { return n.name == t.Name })
	if err != nil {
		return nil, fmt.Errorf("parse the Cap'n Proto schema of %s: %w", t.Name, err)
	}
	return s, nil
}

// TypeOf returns the type of the struct with the given id, such as pose.Pose_TypeID of generated code. schema is a
// CodeGeneratorRequest with all that the struct needs, as "capnp compile -o-" writes it. It must not be changed. The name of the type is
// the display name that the schema has, such as "robot.capnp:Pose".
func TypeOf(schema []byte, id uint64) (serde.Type, error) {
	t, _, err := typeOf(schema, id)
	return t, err
}

func typeOf(schema []byte, id uint64) (serde.Type, *Schema, error) {
	s, err := parse(schema, func(n *node) bool { return n.id == id })
	if err != nil {
		return serde.Type{}, nil, fmt.Errorf("find the struct @%#x in a Cap'n Proto schema: %w", id, err)
	}
	t := serde.Type{Name: s.name, Encoding: Encoding, SchemaEncoding: Encoding, Schema: schema}
	if _, err := ParseSchema(t); err != nil {
		return serde.Type{}, nil, err // two structs of that name
	}
	return t, s, nil
}
