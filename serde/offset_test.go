package serde

import (
	"errors"
	"strings"
	"testing"
)

// Errors say where in the payload they were found.
func TestDecodeError_Offset(t *testing.T) {
	type pose struct {
		X int `json:"x" msgpack:"x"`
		Y int `json:"y" msgpack:"y"`
	}
	for name, tc := range map[string]struct {
		codec   Codec[pose]
		payload string
		want    string
	}{
		"json syntax":       {JSON[pose](), `{"x":1,"y":]}`, "offset 11: "},
		"json kind":         {JSON[pose](), `{"x":1,"y":"north"}`, "offset 18: "},
		"json end":          {JSON[pose](), `{"x":1`, "offset 6: "},
		"json trailing":     {JSON[pose](), `{"x":1}{}`, "offset 7: "},
		"cbor end":          {CBOR[pose](), "\xa2\x61x\x01\x61y", "offset 6: "},
		"cbor length":       {CBOR[pose](), "\xa2\x61x\x01\x78\xffy", "offset 4: "},
		"cbor huge":         {CBOR[pose](), "\xa1\x61x\x9b\xff\xff\xff\xff\xff\xff\xff\xff", "offset 3: "},
		"cbor break":        {CBOR[pose](), "\xa1\x61x\xff", "offset 3: "},
		"cbor reserved":     {CBOR[pose](), "\xa1\x61x\x1c", "offset 3: "},
		"cbor trailing":     {CBOR[pose](), "\xa1\x61x\x01\x00", "offset 4: "},
		"cbor kind":         {CBOR[pose](), "\xa1\x61x\x61y", "pose.x"},
		"msgpack end":       {MsgPack[pose](), "\x82\xa1x\x01\xa1y", "offset 6: "},
		"msgpack length":    {MsgPack[pose](), "\x82\xa1x\x01\xa9y\x01", "offset 4: "},
		"msgpack trailing":  {MsgPack[pose](), "\x81\xa1x\x01\x00", "offset 4: "},
		"msgpack kind":      {MsgPack[pose](), "\x81\xa1x\xa1y", "offset 3: "},
		"msgpack reserved":  {MsgPack[pose](), "\x81\xa1x\xc1", "offset 3: "},
		"string in decoder": {},
	} {
		t.Run(name, func(t *testing.T) {
			var err error
			if tc.codec == nil {
				var s string
				tc.want = "offset 3: "
				err = String().Decoder().Decode([]byte("abc\xff"), &s)
			} else {
				var v pose
				err = tc.codec.Decoder().Decode([]byte(tc.payload), &v)
			}
			if !errors.As(err, new(*DecodeError)) || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("the error is %v, want %q in it", err, tc.want)
			}
			if tc.codec == nil || strings.HasSuffix(name, "kind") {
				return
			}
			_, err = ToJSON(tc.codec.Type(), []byte(tc.payload))
			if !errors.As(err, new(*DecodeError)) || !strings.Contains(err.Error(), "offset ") {
				t.Errorf("ToJSON returned %v, without an offset", err)
			}
		})
	}
}
