package serde

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/shmbus/shmbus/serde/internal/jsontext"
)

// ToJSON converts a payload to JSON without knowing its Go type, for tools. It supports the encodings string, msgpack, cbor
// and json, and returns ErrUndecodable for every other one. A malformed payload is a *DecodeError.
//
// Keys are sorted by their text, so equal values give equal JSON. Of a duplicate key the last value is shown. Values that
// JSON lacks are shown as follows:
//
//   - bytes: a string in base64
//   - NaN and infinities: the strings "NaN", "Infinity" and "-Infinity"
//   - keys that are not text: their JSON as text; maps and arrays as keys are an error
//   - time stamps of MsgPack, and of CBOR with tags 0 and 1: a string as in RFC 3339
//   - other extensions of MsgPack: {"data":base64,"ext":type}
//   - big numbers of CBOR up to 512 bits: a number; other tags: {"tag":number,"value":content}; undefined: null; other
//     simple values: {"simple":number}
//   - text that is not UTF-8: each invalid byte becomes U+FFFD; with encoding string it is an error
//
// The result is at most 24 times as long as the payload and does not alias it.
func ToJSON(t Type, payload []byte) (json.RawMessage, error) {
	var out []byte
	var err error
	src := bytes.Clone(payload) // read once: the payload may change concurrently
	switch t.Encoding {
	case EncodingString:
		if !utf8.Valid(src) {
			err = locateText(string(src))
			break
		}
		out = jsontext.AppendText(nil, src)
	case EncodingMsgPack:
		out, err = msgpackToJSON(src)
	case EncodingCBOR:
		out, err = cborToJSON(src)
	case EncodingJSON:
		out, err = sortedJSON(src)
	default:
		return nil, fmt.Errorf("show a payload of encoding %q as JSON: %w", t.Encoding, ErrUndecodable)
	}
	if err != nil {
		return nil, &DecodeError{Type: t.Name, Encoding: t.Encoding, Err: err}
	}
	return out, nil
}

func sortedJSON(src []byte) ([]byte, error) {
	v, err := parseJSON(src)
	if err != nil {
		return nil, err
	}
	return json.Marshal(v)
}

// A jsonText builds JSON text.
type jsonText struct {
	out   []byte
	inKey bool
}

// A span is a written member of an object: the key begins at start and ends at key, the member ends at end.
type span struct{ start, key, end int }

func (w *jsonText) raw(s string)  { w.out = append(w.out, s...) }
func (w *jsonText) text(s []byte) { w.out = jsontext.AppendText(w.out, s) }

func (w *jsonText) bytes(b []byte) {
	w.out = append(w.out, '"')
	w.out = base64.StdEncoding.AppendEncode(w.out, b)
	w.out = append(w.out, '"')
}

func (w *jsonText) float(f float64, bits int) { w.out = jsontext.AppendFloat(w.out, f, bits) }

// time writes a time stamp if RFC 3339 can express its year.
func (w *jsonText) time(t time.Time) bool {
	b, err := t.UTC().MarshalJSON()
	if err != nil {
		return false
	}
	w.out = append(w.out, b...)
	return true
}

// array writes an array. value writes the next element, or returns false if there is none.
func (w *jsonText) array(value func() (bool, error)) error {
	if w.inKey {
		return errContainerKey
	}
	w.raw("[")
	for i := 0; ; i++ {
		before := len(w.out)
		if i > 0 {
			w.raw(",")
		}
		ok, err := value()
		if err != nil {
			return err
		}
		if !ok {
			w.out = append(w.out[:before], ']')
			return nil
		}
	}
}

// object writes an object. value alternately writes the next key and its value, or returns false if there is no further
// key.
func (w *jsonText) object(value func() (bool, error)) error {
	if w.inKey {
		return errContainerKey
	}
	var members []span
	w.raw("{")
	first := len(w.out)
	for {
		m := span{start: len(w.out)}
		w.inKey = true
		ok, err := value()
		w.inKey = false
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		if w.out[m.start] != '"' {
			w.out = jsontext.AppendText(w.out[:m.start], slices.Clone(w.out[m.start:]))
		}
		m.key = len(w.out)
		w.raw(":")
		if _, err := value(); err != nil {
			return err
		}
		m.end = len(w.out)
		w.raw(",")
		members = append(members, m)
	}
	w.sort(first, members)
	if len(members) > 0 {
		w.out = w.out[:len(w.out)-1] // the last comma
	}
	w.raw("}")
	return nil
}

// sort orders the members, written from first on, by their keys.
func (w *jsonText) sort(first int, members []span) {
	compare := func(a, b span) int { return bytes.Compare(w.out[a.start:a.key], w.out[b.start:b.key]) }
	sorted := true
	for i := 1; i < len(members) && sorted; i++ {
		sorted = compare(members[i-1], members[i]) < 0
	}
	if sorted {
		return
	}
	slices.SortStableFunc(members, compare)
	ordered := make([]byte, 0, len(w.out)-first)
	for i, m := range members {
		if i+1 < len(members) && compare(m, members[i+1]) == 0 {
			continue
		}
		ordered = append(ordered, w.out[m.start:m.end]...)
		ordered = append(ordered, ',')
	}
	w.out = append(w.out[:first], ordered...)
}
