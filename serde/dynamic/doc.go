// Package dynamic converts payloads of all encodings without their Go types: to generic values, to JSON and from JSON.
//
// A subscriber of []byte receives any type. Sample.Type describes the payload, and a [Converter] decodes it:
//
//	sub, err := topic.NewSubscriber[[]byte](ctx, p, "robot/**", nil)
//	sample, err := sub.Receive(ctx)
//	value, err := converter.ToValue(sample.Type(), sample.Bytes())
//
// The encodings string, json, cbor and msgpack describe themselves. protobuf, flatbuffer, capnproto, cdr and plain need the schema that the publisher
// announces with the topic. Every other type is serde.ErrUndecodable. The package links the libraries of all these encodings.
//
// # Generic values
//
// A value is one of
//
//	map[string]any    an object: message, struct or map; keys that are not text are their JSON
//	[]any             an array
//	[]byte            bytes, also an array of 8-bit unsigned integers where a schema says so
//	string            text, the name of an enum's value in protobuf, a time stamp that the encoding marks as one
//	int64             a whole number
//	uint64            a whole number of more than 63 bits
//	float64           any other number
//	bool, nil
//
// Whole numbers are exact up to 64 bits. A float of the schema is always a float64, also if its value is whole; JSON has no
// schema of this kind, so there 1 is an int64 and 1.0 a float64.
//
// In JSON bytes are base64 in a string, and NaN and infinities are strings; protobuf has the forms of ProtoJSON. The functions
// ToJSON, FromJSON and ToValue of package serde and of the packages of the encodings have the details.
//
// # Hostile input
//
// Payloads and schemas come from other processes and are not trusted. Each byte is read once, malformed payloads are a
// *serde.DecodeError, and panics are errors. The memory of a generic value is limited to 512 times the payload's length plus 1 MiB,
// that of JSON by each encoding. A Converter keeps a limited number of parsed schemas.
package dynamic
