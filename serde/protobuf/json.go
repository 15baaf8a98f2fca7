package protobuf

import (
	"bytes"
	"encoding/json"
	"fmt"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/serde/internal/guard"
)

// ToJSON converts a payload to JSON by the schema in t, for tools that do not know the generated type. It parses the schema
// each time; ParseSchema and Schema.ToJSON do that once.
func ToJSON(t serde.Type, payload []byte) (json.RawMessage, error) {
	s, err := ParseSchema(t)
	if err != nil {
		return nil, err
	}
	return s.ToJSON(payload)
}

// FromJSON makes a payload from one JSON value by the schema in t, for tools. It parses the schema each time; ParseSchema and
// Schema.FromJSON do that once.
func FromJSON(t serde.Type, doc []byte) ([]byte, error) {
	s, err := ParseSchema(t)
	if err != nil {
		return nil, err
	}
	return s.FromJSON(doc)
}

// ToJSON converts a payload to ProtoJSON on one line: names in lower camel case, 64-bit integers as text, bytes in base64, enums
// by name, the special forms of the well-known types. Fields without presence are shown with their zero value too; unknown
// fields are left out. Fields are in the order of their declaration, map keys are sorted.
//
// The payload is not trusted: messages may nest serde.MaxDepth deep, and the result is limited to 16 MiB plus 64 times the length
// of the payload. The error is a *serde.DecodeError. The result does not alias the payload.
func (s *Schema) ToJSON(payload []byte) (json.RawMessage, error) {
	src := bytes.Clone(payload) // the payload may change concurrently
	var js []byte
	err := run(s, &js, src, func() (err error) {
		js, err = s.toJSON(src)
		return err
	})
	return js, err
}

// run converts the errors and panics of decode, which stores its result in *v.
func run[T any](s *Schema, v *T, src []byte, decode func() error) error {
	if err := guard.Run(v, decode); err != nil {
		return decodeError(serde.Type{Name: s.name, Encoding: Encoding}, s.md, src, err)
	}
	return nil
}

func (s *Schema) toJSON(src []byte) ([]byte, error) {
	m := dynamicpb.NewMessage(s.md)
	if err := s.decoding().Unmarshal(src, m); err != nil {
		return nil, err
	}
	e := estimate{decoding: s.decoding(), limit: maxJSON(len(src))}
	if err := e.message(m, serde.MaxDepth); err != nil {
		return nil, err
	}
	js, err := protojson.MarshalOptions{AllowPartial: true, EmitDefaultValues: true, Resolver: s.types}.Marshal(m)
	if err != nil {
		return nil, err
	}
	// The library puts spaces where a hash of the program says.
	var compact bytes.Buffer
	compact.Grow(len(js))
	err = json.Compact(&compact, js)
	return compact.Bytes(), err
}

// decoding are the options to decode messages of the schema. Tools show messages that lack required fields too.
func (s *Schema) decoding() proto.UnmarshalOptions {
	return proto.UnmarshalOptions{AllowPartial: true, Resolver: s.types, RecursionLimit: serde.MaxDepth}
}

// FromJSON makes a payload from one value in ProtoJSON. Names may be those of the .proto file too. A name that the message does
// not have is an error, as is a required field without a value. The bytes are the same for equal values.
func (s *Schema) FromJSON(doc []byte) ([]byte, error) {
	var payload []byte
	err := guard.Run(&payload, func() (err error) {
		m := dynamicpb.NewMessage(s.md)
		err = protojson.UnmarshalOptions{Resolver: s.types, RecursionLimit: serde.MaxDepth}.Unmarshal(doc, m)
		if err != nil {
			return err
		}
		payload, err = proto.MarshalOptions{Deterministic: true}.Marshal(m)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("make a payload of %s from JSON: %w", s.name, err)
	}
	return payload, nil
}
