package dynamic

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/serde/capnproto"
	"github.com/shmbus/shmbus/serde/cdr"
	"github.com/shmbus/shmbus/serde/flatbuffers"
	"github.com/shmbus/shmbus/serde/plain"
	"github.com/shmbus/shmbus/serde/protobuf"
)

// A form converts the payloads of one type. It may be used concurrently.
type form interface {
	ToJSON(payload []byte) (json.RawMessage, error)
	FromJSON(js []byte) ([]byte, error)
	ToValue(payload []byte) (any, error)
}

// A parser returns the form of a type of one encoding. The error is serde.ErrUndecodable if t lacks its schema.
type parser func(t serde.Type) (form, error)

// encodings has all encodings. It is not changed.
var encodings = map[string]parser{
	serde.EncodingString:  selfDescribing,
	serde.EncodingMsgPack: selfDescribing,
	serde.EncodingCBOR:    selfDescribing,
	serde.EncodingJSON:    selfDescribing,
	protobuf.Encoding:     parsed(protobuf.ParseSchema),
	cdr.Encoding:          parsed(cdr.ParseSchema),
	plain.Encoding:        parsed(plain.ParseSchema),
	flatbuffers.Encoding:  parsed(flatbuffers.ParseSchema),
	capnproto.Encoding:    parsed(capnproto.ParseSchema),
}

// comparers has the encodings whose codecs decide about other versions of their types, as serde.TypeChecker says. It is not changed.
var comparers = map[string]func(a, b serde.Type) error{
	protobuf.Encoding:    protobuf.Compatible,
	flatbuffers.Encoding: flatbuffers.Compatible,
	capnproto.Encoding:   capnproto.Compatible,
}

// Compatible returns nil if the schemas of two types of the same encoding and name let a program of one decode payloads of the other, and
// otherwise where they differ. It is what the codecs of these types find out when they meet.
func Compatible(published, subscribed serde.Type) error {
	compare := comparers[published.Encoding]
	switch {
	case published.Encoding != subscribed.Encoding || published.Name != subscribed.Name:
		return fmt.Errorf("%s in encoding %q is not %s in encoding %q", published.Name, published.Encoding, subscribed.Name, subscribed.Encoding)
	case len(published.Schema) == 0 || len(subscribed.Schema) == 0 || bytes.Equal(published.Schema, subscribed.Schema):
		return nil
	case compare == nil:
		return fmt.Errorf("the codec of encoding %q compares no schemas, and these differ", published.Encoding)
	}
	return compare(published, subscribed)
}

// Supports reports whether payloads of the encoding can be converted, with a schema if the encoding needs one.
func Supports(encoding string) bool { return encodings[encoding] != nil }

// parse returns the form of any type.
func parse(t serde.Type) (form, error) {
	p := encodings[t.Encoding]
	if p == nil {
		return nil, fmt.Errorf("convert a payload of encoding %q: %w", t.Encoding, serde.ErrUndecodable)
	}
	return p(t)
}

// parsed is the parser of an encoding whose schema is parsed once for many payloads.
func parsed[S form](parse func(serde.Type) (S, error)) parser {
	return func(t serde.Type) (form, error) {
		s, err := parse(t)
		if err != nil {
			return nil, err
		}
		return s, nil
	}
}

func selfDescribing(t serde.Type) (form, error) {
	return functions{t, serde.ToJSON, func(t serde.Type, js []byte) ([]byte, error) { return serde.FromJSON(t.Encoding, js) }, serde.ToValue}, nil
}

// functions is the form of a type whose schema, if it has one, is read with each payload.
type functions struct {
	t        serde.Type
	toJSON   func(serde.Type, []byte) (json.RawMessage, error)
	fromJSON func(serde.Type, []byte) ([]byte, error)
	toValue  func(serde.Type, []byte) (any, error)
}

func (f functions) ToJSON(payload []byte) (json.RawMessage, error) { return f.toJSON(f.t, payload) }
func (f functions) FromJSON(js []byte) ([]byte, error)             { return f.fromJSON(f.t, js) }
func (f functions) ToValue(payload []byte) (any, error)            { return f.toValue(f.t, payload) }
