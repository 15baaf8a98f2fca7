package service

import (
	"strings"

	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/serde"
)

// A message is a request or response: a header, and a value of T or, of an error, its description.
type message[T any] struct {
	Header
	value T
	text  []byte // of kind KindError; in place
}

// hasValue reports whether a value follows the header.
func (h Header) hasValue() bool { return h.Kind <= KindItem }

// messageCodec encodes a header before what the codec of the values encodes.
type messageCodec[T any] struct{ values serde.Codec[T] }

// codecFor returns the codec of messages with values of T. It checks the schemas of other processes if the codec of the values does.
func codecFor[T any](values serde.Codec[T]) (serde.Codec[message[T]], error) {
	if values == nil {
		if err := serde.CheckDefault[T](); err != nil {
			return nil, err
		}
		values = serde.Default[T]()
	}
	c := messageCodec[T]{values}
	if check, ok := values.(serde.TypeChecker); ok {
		return checkingCodec[T]{c, check}, nil
	}
	return c, nil
}

func (c messageCodec[T]) Type() serde.Type { return typeOfMessages(c.values.Type()) }

// typeOfMessages returns the type that a topic announces for messages with values of type t.
func typeOfMessages(t serde.Type) serde.Type {
	t.Encoding = registry.CallEncoding + t.Encoding
	return t
}

// TypeOfValues returns the type of the values in the messages of a topic of type t.
func TypeOfValues(t serde.Type) serde.Type {
	t.Encoding = strings.TrimPrefix(t.Encoding, registry.CallEncoding)
	return t
}

func (c messageCodec[T]) Encoder() serde.Encoder[message[T]] {
	return messageEncoder[T]{c.values.Encoder()}
}

func (c messageCodec[T]) Decoder() serde.Decoder[message[T]] {
	return messageDecoder[T]{c.values.Decoder()}
}

type checkingCodec[T any] struct {
	messageCodec[T]
	check serde.TypeChecker
}

func (c checkingCodec[T]) CheckType(published serde.Type) error {
	return c.check.CheckType(TypeOfValues(published))
}

type messageEncoder[T any] struct{ values serde.Encoder[T] }

func (e messageEncoder[T]) Append(dst []byte, m message[T]) ([]byte, error) {
	var header [HeaderSize]byte
	m.put(header[:])
	out := append(dst, header[:]...)
	if !m.hasValue() {
		return append(out, m.text...), nil
	}
	out, err := e.values.Append(out, m.value)
	if err != nil {
		return dst, err
	}
	return out, nil
}

type messageDecoder[T any] struct{ values serde.Decoder[T] }

// Decode leaves the value of a []byte and the description of an error in place.
func (d messageDecoder[T]) Decode(src []byte, m *message[T]) error {
	*m = message[T]{}
	h, rest, err := ParseHeader(src)
	if err != nil {
		return &serde.DecodeError{Encoding: "call", Err: err}
	}
	m.Header = h
	if !h.hasValue() {
		m.text = rest
		return nil
	}
	return d.values.Decode(rest, &m.value)
}
