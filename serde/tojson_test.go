package serde

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func TestToJSON(t *testing.T) {
	for _, tc := range []struct{ encoding, payload, want string }{
		{"string", "a\"\n\x01ü", `"a\"\n\u0001ü"`},
		{"json", ` {"b": 1.50, "a": 12345678901234567890} `, `{"a":12345678901234567890,"b":1.50}`},
		{"msgpack", "c0", `null`},
		{"msgpack", "93c2c37f", `[false,true,127]`},
		{"msgpack", "94ffd080d18000cfffffffffffffffff", `[-1,-128,-32768,18446744073709551615]`},
		{"msgpack", "94d280000000d38000000000000000ccffcdffff", `[-2147483648,-9223372036854775808,255,65535]`},
		{"msgpack", "93ca3dcccccdcb3fb999999999999acb7ff8000000000000", `[0.1,0.1,"NaN"]`},
		{"msgpack", "92ca7f800000caff800000", `["Infinity","-Infinity"]`},
		{"msgpack", "83a162c0a161c0a163c0", `{"a":null,"b":null,"c":null}`},
		{"msgpack", "82a16101a16102", `{"a":2}`},
		{"msgpack", "8502c00ac0c3c0c0c0c402fffec0", `{"//4=":null,"10":null,"2":null,"null":null,"true":null}`},
		{"msgpack", "c403000102", `"AAEC"`},
		{"msgpack", "a2fffe", `"` + "\ufffd\ufffd" + `"`},
		{"msgpack", "d6ff00000001", `"1970-01-01T00:00:01Z"`},
		{"msgpack", "d405aa", `{"data":"qg==","ext":5}`},
		{"msgpack", "c703ff010203", `{"data":"AQID","ext":-1}`},
		{"msgpack", "c70cff000000007fffffffffffffff", `{"data":"AAAAAH//////////","ext":-1}`},
		{"msgpack", "81d405aac0", `{"{\"data\":\"qg==\",\"ext\":5}":null}`},
		{"cbor", "f6", `null`},
		{"cbor", "84f4f5f7e5", `[false,true,null,{"simple":5}]`},
		{"cbor", "841bffffffffffffffff3bffffffffffffffff203903e7", `[18446744073709551615,-18446744073709551616,-1,-1000]`},
		{"cbor", "85f93c00f97e00f9fc00fa3dcccccdf90001", `[1,"NaN","-Infinity",0.1,5.9604645e-8]`},
		{"cbor", "a2026162016161", `{"1":"a","2":"b"}`},
		{"cbor", "bf61629f01ff6161bfffff", `{"a":{},"b":[1]}`},
		{"cbor", "5f42000141 02ff", `"AAEC"`},
		{"cbor", "7f6161626263ff", `"abc"`},
		{"cbor", "c074323031332d30332d32315432303a30343a30305a", `"2013-03-21T20:04:00Z"`},
		{"cbor", "c11a514b67b0", `"2013-03-21T20:04:00Z"`},
		{"cbor", "c1fb41d452d9ec200000", `"2013-03-21T20:04:00.5Z"`},
		{"cbor", "c1fb7ff0000000000000", `{"tag":1,"value":"Infinity"}`},
		{"cbor", "c249010000000000000000", `18446744073709551616`},
		{"cbor", "c349010000000000000000", `-18446744073709551617`},
		{"cbor", "d9d9f701", `1`},
		{"cbor", "d82061 61", `{"tag":32,"value":"a"}`},
		{"cbor", "a1c66161f6", `{"{\"tag\":6,\"value\":\"a\"}":null}`},
	} {
		payload := []byte(tc.payload)
		if tc.encoding == EncodingMsgPack || tc.encoding == EncodingCBOR {
			var err error
			if payload, err = hex.DecodeString(strings.ReplaceAll(tc.payload, " ", "")); err != nil {
				t.Fatal(err)
			}
		}
		got, err := ToJSON(Type{Encoding: tc.encoding}, payload)
		if err != nil || string(got) != tc.want {
			t.Errorf("%s %s:\n got %s (%v)\nwant %s", tc.encoding, tc.payload, got, err, tc.want)
		}
	}
}

func TestToJSON_Refusals(t *testing.T) {
	for _, tc := range []struct{ encoding, payload string }{
		{"string", "\xff"}, {"json", "{"}, {"json", "1 2"}, {"json", ""},
		{"msgpack", "\x81\x80\xc0"}, {"msgpack", "\x81\x91\xc0\xc0"}, {"msgpack", "\x81\xa1a"},
		{"cbor", "\xa1\x80\xf6"}, {"cbor", "\xa1\xa0\xf6"}, {"cbor", "\xa1\xc6\x80\xf6"}, {"cbor", "\xa1\x61a"},
	} {
		var de *DecodeError
		if js, err := ToJSON(Type{Encoding: tc.encoding, Name: "a.B"}, []byte(tc.payload)); !errors.As(err, &de) || de.Type != "a.B" {
			t.Errorf("%s %q: %s, %v", tc.encoding, tc.payload, js, err)
		}
	}
	for name, payload := range hostileCBOR() {
		if name == "key twice" || name == "text that is not" { // shown, so that people see what is wrong
			continue
		}
		if js, err := ToJSON(Type{Encoding: EncodingCBOR}, payload); err == nil {
			t.Errorf("%s: %s", name, js)
		}
	}
	for _, encoding := range []string{"raw", "cdr", "protobuf", ""} {
		if _, err := ToJSON(Type{Encoding: encoding}, []byte("x")); !errors.Is(err, ErrUndecodable) {
			t.Errorf("%q: %v", encoding, err)
		}
		if _, err := FromJSON(encoding, []byte("1")); !errors.Is(err, ErrUndecodable) {
			t.Errorf("%q: %v", encoding, err)
		}
	}
}

func TestToJSON_RoundTrip(t *testing.T) {
	for _, js := range []string{
		`null`, `true`, `0`, `-1`, `127`, `128`, `-129`, `9223372036854775807`, `-9223372036854775808`, `18446744073709551615`,
		`1.5`, `-1e+300`, `""`, `"ü\n"`, `[]`, `{}`, `{"a":[1,{"b":null}],"c":"d"}`, `[[[[]]]]`,
	} {
		for _, encoding := range []string{EncodingMsgPack, EncodingCBOR, EncodingJSON} {
			payload, err := FromJSON(encoding, []byte(js))
			if err != nil {
				t.Errorf("%s %s: %v", encoding, js, err)
				continue
			}
			if got, err := ToJSON(Type{Encoding: encoding}, payload); err != nil || string(got) != js {
				t.Errorf("%s: %s came back as %s (%v)", encoding, js, got, err)
			}
		}
	}
	if got, err := FromJSON(EncodingString, []byte(`"te\u0078t"`)); err != nil || string(got) != "text" {
		t.Errorf("%q, %v", got, err)
	}
	for _, tc := range [][2]string{
		{"string", "1"}, {"msgpack", ""}, {"msgpack", "{"}, {"cbor", "1 2"}, {"json", "x"}, {"json", ""},
		{"msgpack", "18446744073709551616"}, {"cbor", "[1e400]"}, {"msgpack", `{"a":-99999999999999999999}`},
	} {
		if got, err := FromJSON(tc[0], []byte(tc[1])); err == nil {
			t.Errorf("%s: %s became %x", tc[0], tc[1], got)
		}
	}
}

// A struct field of what was made from JSON is found by the decoder of the type.
func TestFromJSON_FillsStructs(t *testing.T) {
	for encoding, c := range codecs[pose]() {
		payload, err := FromJSON(encoding, []byte(`{"X":2,"Y":0.5,"Frame":"map"}`))
		if err != nil {
			t.Fatal(err)
		}
		var p pose
		if err := c.Decoder().Decode(payload, &p); err != nil {
			t.Fatal(err)
		}
		if p.X != 2 || p.Y != 0.5 || p.Frame != "map" {
			t.Errorf("%s: %+v", encoding, p)
		}
	}
}

func checkJSON(t *testing.T, tp Type, payload []byte) {
	t.Helper()
	kept := bytes.Clone(payload)
	js, err := ToJSON(tp, payload)
	if !bytes.Equal(kept, payload) {
		t.Fatal("the payload was written to")
	}
	if err != nil {
		return
	}
	if !json.Valid(js) {
		t.Fatalf("not JSON: %s", js)
	}
	if len(js) > 24*len(payload)+2 {
		t.Fatalf("%d bytes for a payload of %d", len(js), len(payload))
	}
	if again, err := ToJSON(Type{Encoding: EncodingJSON}, js); err != nil {
		t.Fatalf("%v: %s", err, again)
	}
}
