package serde

import (
	"encoding/json"
	"errors"
	"testing"
)

func seeds(f *testing.F) {
	for _, v := range trickyValues() {
		v.List = nil // long ones slow the search down
		for _, c := range codecs[everything]() {
			if b, err := c.Encoder().Append(nil, v); err == nil {
				f.Add(b)
			}
		}
	}
	for _, all := range []map[string][]byte{hostileMsgPack(), hostileCBOR()} {
		for _, b := range all {
			if len(b) < 1<<12 {
				f.Add(b)
			}
		}
	}
	f.Add([]byte(`{"Next":{"Any":[1,2.5,"x"]}}`))
}

func fuzzDecoder[T any](f *testing.F, c Codec[T]) {
	seeds(f)
	enc, dec := c.Encoder(), c.Decoder()
	f.Fuzz(func(t *testing.T, payload []byte) {
		var v T
		if err := dec.Decode(payload, &v); err != nil {
			var de *DecodeError
			if !errors.As(err, &de) {
				t.Fatalf("not a *DecodeError: %v", err)
			}
			return
		}
		// What was decoded can be encoded, and that be decoded again.
		b, err := enc.Append(nil, v)
		if err != nil {
			return // such as a NaN that JSON does not have
		}
		if err := dec.Decode(b, &v); err != nil {
			t.Fatalf("%x, made from %x: %v", b, payload, err)
		}
	})
}

func FuzzMsgPackStruct(f *testing.F) { fuzzDecoder(f, MsgPack[everything]()) }
func FuzzMsgPackAny(f *testing.F)    { fuzzDecoder(f, MsgPack[any]()) }
func FuzzMsgPackTree(f *testing.F)   { fuzzDecoder(f, MsgPack[tree]()) }
func FuzzCBORStruct(f *testing.F)    { fuzzDecoder(f, CBOR[everything]()) }
func FuzzCBORAny(f *testing.F)       { fuzzDecoder(f, CBOR[any]()) }
func FuzzJSONStruct(f *testing.F)    { fuzzDecoder(f, JSON[everything]()) }
func FuzzJSONAny(f *testing.F)       { fuzzDecoder(f, JSON[any]()) }
func FuzzString(f *testing.F)        { fuzzDecoder(f, String()) }

// Types with a method that panics have nothing to encode again.
func FuzzMsgPackHolder(f *testing.F) {
	seeds(f)
	dec := MsgPack[holder]().Decoder()
	f.Fuzz(func(t *testing.T, payload []byte) {
		var v holder
		var de *DecodeError
		if err := dec.Decode(payload, &v); err != nil && !errors.As(err, &de) {
			t.Fatalf("not a *DecodeError: %v", err)
		}
	})
}

func FuzzToJSON(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, payload []byte) {
		for _, encoding := range []string{EncodingString, EncodingMsgPack, EncodingCBOR, EncodingJSON} {
			checkJSON(t, Type{Encoding: encoding}, payload)
		}
	})
}

func FuzzFromJSON(f *testing.F) {
	f.Add([]byte(`{"a":[1,-1,1.5,18446744073709551615,null,true,"x"]}`))
	f.Fuzz(func(t *testing.T, js []byte) {
		for _, encoding := range []string{EncodingMsgPack, EncodingCBOR, EncodingJSON, EncodingString} {
			payload, err := FromJSON(encoding, js)
			if err != nil {
				continue
			}
			if !json.Valid(js) {
				t.Fatalf("%s: made of what is not JSON", encoding)
			}
			checkJSON(t, Type{Encoding: encoding}, payload)
		}
	})
}
