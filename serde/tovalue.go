package serde

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/shmbus/shmbus/serde/internal/generic"
)

// ToValue converts a payload to a generic value without knowing its Go type. It supports the encodings string, msgpack, cbor and
// json, and returns ErrUndecodable for every other one. A malformed payload is a *DecodeError.
//
// Arrays become []any, maps map[string]any, bytes []byte and text string. A whole number is an int64, or a uint64 if it is larger;
// every other number, also a whole one beyond 64 bits, is a float64. A number of JSON is whole if it has neither a point nor an exponent.
// What has none of these forms is shown as ToJSON does: keys, time stamps, extensions and tags, with their bytes as []byte.
//
// The result takes at most 512 times the memory of the payload plus 1 MiB and does not alias it.
func ToValue(t Type, payload []byte) (any, error) {
	var v any
	var err error
	src := bytes.Clone(payload) // read once: the payload may change concurrently
	build := generic.NewBuilder(len(src))
	switch t.Encoding {
	case EncodingString:
		if !utf8.Valid(src) {
			err = errNotUTF8
			break
		}
		v = string(src)
	case EncodingMsgPack:
		v, err = msgpackToValue(build, src)
	case EncodingCBOR:
		v, err = cborToValue(build, src)
	case EncodingJSON:
		if v, err = parseJSON(src); err == nil {
			v = anyNumbers(v)
		}
	default:
		return nil, fmt.Errorf("convert a payload of encoding %q: %w", t.Encoding, ErrUndecodable)
	}
	if err != nil {
		return nil, &DecodeError{Type: t.Name, Encoding: t.Encoding, Err: err}
	}
	return v, nil
}

// anyNumbers replaces every json.Number in v. Numbers beyond the range of a float64 become infinities.
func anyNumbers(v any) any {
	switch v := v.(type) {
	case json.Number:
		n, err := number(string(v))
		if err != nil {
			n, _ = strconv.ParseFloat(string(v), 64)
		}
		return n
	case []any:
		for i := range v {
			v[i] = anyNumbers(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = anyNumbers(v[k])
		}
	}
	return v
}
