package serde

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/fxamacker/cbor/v2"
	"github.com/vmihailenco/msgpack/v5"
)

// FromJSON makes a payload from one JSON value, for tools. It supports the encodings string (the value must be a string),
// msgpack, cbor and json, and returns ErrUndecodable for every other one. Keys are sorted. Whole numbers become integers of
// up to 64 bits, every other number becomes a 64-bit floating-point number, and a number that does not fit is an error. No
// value becomes bytes or a time stamp, since JSON has neither. CBOR decoders accept text for a time.Time, MsgPack decoders
// do not.
func FromJSON(encoding string, js []byte) ([]byte, error) {
	switch encoding {
	case EncodingString, EncodingMsgPack, EncodingCBOR, EncodingJSON:
	default:
		return nil, fmt.Errorf("make a payload of encoding %q from JSON: %w", encoding, ErrUndecodable)
	}
	out, err := fromJSON(encoding, js)
	if err != nil {
		return nil, fmt.Errorf("make a payload of encoding %q from JSON: %w", encoding, err)
	}
	return out, nil
}

func fromJSON(encoding string, js []byte) ([]byte, error) {
	v, err := parseJSON(js)
	if err != nil {
		return nil, err
	}
	if encoding == EncodingJSON {
		return json.Marshal(v)
	}
	if v, err = numbers(v); err != nil {
		return nil, err
	}
	switch encoding {
	case EncodingString:
		s, ok := v.(string)
		if !ok {
			return nil, errors.New("the value is not a string")
		}
		return []byte(s), nil
	case EncodingMsgPack:
		var out appender
		enc := msgpack.NewEncoder(&out)
		enc.SetSortMapKeys(true)
		enc.UseCompactInts(true)
		err := enc.Encode(v)
		return out.b, err
	}
	mode, err := cbor.EncOptions{Sort: cbor.SortBytewiseLexical}.EncMode()
	if err != nil {
		return nil, err
	}
	return mode.Marshal(v)
}

// parseJSON returns the one value in js, with numbers as json.Number.
func parseJSON(js []byte) (v any, err error) {
	dec := json.NewDecoder(bytes.NewReader(js))
	dec.UseNumber()
	if err := dec.Decode(&v); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, locateJSON(js, err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, &offsetError{int(dec.InputOffset()), errTrailing}
	}
	return v, nil
}

// numbers replaces every json.Number in v by an int64, uint64 or float64.
func numbers(v any) (any, error) {
	var err error
	switch v := v.(type) {
	case json.Number:
		return number(string(v))
	case []any:
		for i := range v {
			if v[i], err = numbers(v[i]); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		for k := range v {
			if v[k], err = numbers(v[k]); err != nil {
				return nil, err
			}
		}
	}
	return v, nil
}

func number(s string) (any, error) {
	if strings.ContainsAny(s, ".eE") {
		return strconv.ParseFloat(s, 64)
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n, nil
	}
	return strconv.ParseUint(s, 10, 64)
}
