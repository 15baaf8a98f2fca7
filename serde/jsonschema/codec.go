package jsonschema

import (
	"fmt"
	"reflect"

	"github.com/shmbus/shmbus/serde"
)

// SchemaEncoding is the name of the schema's encoding, which MCAP registers.
const SchemaEncoding = "jsonschema"

// Codec returns the codec with the schema of T in its Type. Everything else is as with codec, whose encoding is json, cbor or msgpack. The
// error is a *DescriptionError if T has a part that no value of the encoding can stand for. It walks the type each time, so a
// program calls it once for each topic.
func Codec[T any](codec serde.Codec[T]) (serde.Codec[T], error) {
	t := codec.Type()
	if t.SchemaEncoding != "" || len(t.Schema) > 0 {
		return nil, fmt.Errorf("the codec of %s has a schema already, %s", t.Name, t.SchemaEncoding)
	}
	schema, err := SchemaOf(reflect.TypeFor[T](), t)
	if err != nil {
		return nil, err
	}
	t.SchemaEncoding, t.Schema = SchemaEncoding, schema
	if checker, ok := codec.(serde.TypeChecker); ok {
		return checking[T]{described[T]{codec, t}, checker}, nil
	}
	return described[T]{codec, t}, nil
}

// A described is a codec with a schema.
type described[T any] struct {
	serde.Codec[T]
	t serde.Type
}

func (c described[T]) Type() serde.Type { return c.t }

// A checking is a codec with a schema that decides about other versions of its type.
type checking[T any] struct {
	described[T]
	serde.TypeChecker
}

// ValueIsPayload reports whether the codec without schema has this property, which topic.Publisher asks for.
func (c described[T]) ValueIsPayload() bool {
	inner, ok := c.Codec.(interface{ ValueIsPayload() bool })
	return ok && inner.ValueIsPayload()
}

// SchemaOf returns the schema of the Go type goType in the encoding of t, json, cbor or msgpack, for serde.Opaque. The title of the schema
// is the name of t.
func SchemaOf(goType reflect.Type, t serde.Type) ([]byte, error) {
	var r rules
	switch t.Encoding {
	case serde.EncodingJSON:
		r = jsonRules()
	case serde.EncodingCBOR:
		r = cborRules()
	case serde.EncodingMsgPack:
		r = msgpackRules()
	default:
		return nil, fmt.Errorf("encoding %q has no JSON Schema; json, cbor and msgpack have", t.Encoding)
	}
	return schemaOf(goType, t, r)
}

// A DescriptionError says that values of a Go type cannot be encoded, or that their schema is too large.
type DescriptionError struct {
	Type     string // such as "nav.Pose"
	Field    string // path of the part, such as ".Points[].X"; empty for the type as a whole
	Encoding string
	Reason   string
}

func (e *DescriptionError) Error() string {
	return fmt.Sprintf("JSON Schema of %s in encoding %s: %s%s", e.Type, e.Encoding, e.Field, e.reason())
}

func (e *DescriptionError) reason() string {
	if e.Field == "" {
		return e.Reason
	}
	return ": " + e.Reason
}
