package serde

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/vmihailenco/msgpack/v5"
)

// A tree is a type whose values may nest as deep as a payload says.
type tree map[string]tree

type holder struct {
	Open  map[string]any
	Typed map[string]int
	Tree  tree
	List  []pose
	Loose any
	Hook  panics
}

// panics is a type of an application whose method does not expect what it gets.
type panics struct{}

func (p *panics) UnmarshalMsgpack([]byte) error { panic("method of the application") }
func (p *panics) UnmarshalCBOR([]byte) error    { panic("method of the application") }
func (p *panics) UnmarshalJSON([]byte) error    { panic(io.ErrClosedPipe) }

// field encodes {name: value} where value is MsgPack already.
func field(name string, value ...byte) []byte {
	b := append([]byte{0x81, 0xa0 | byte(len(name))}, name...)
	return append(b, value...)
}

func length32(code byte, n uint32) []byte { return binary.BigEndian.AppendUint32([]byte{code}, n) }

func chain(n int, head string, last ...byte) []byte {
	return append(bytes.Repeat([]byte(head), n), last...)
}

func hostileMsgPack() map[string][]byte {
	huge := length32(0xdf, 0xffffffff)
	return map[string][]byte{
		"empty":                       {},
		"map of 4 billion":            huge,
		"array of 4 billion":          length32(0xdd, 0xffffffff),
		"text of 4 GB":                length32(0xdb, 0xffffffff),
		"bytes of 4 GB":               field("Loose", length32(0xc6, 0xffffffff)...),
		"list of 2 billion":           field("List", length32(0xdd, 0x80000000)...),
		"list of all that is left":    field("List", append(length32(0xdd, 1000), make([]byte, 999)...)...),
		"nested promises":             chain(200, "\xdc\x01\x00", make([]byte, 300)...),
		"map in an extension":         field("Open", append([]byte{0xd7, 0x05}, append(huge, 0, 0, 0)...)...),
		"map across an extension":     field("Open", append([]byte{0xd4, 0x05}, huge...)...),
		"map in a time stamp":         field("Typed", append([]byte{0xd7, 0xff}, append(huge, 0, 0, 0)...)...),
		"map behind an extension":     field("Open", append([]byte{0xc7, 0x00, 0x05}, 0x80)...),
		"interned string":             field("Loose", 0xd4, 0x80, 0x00),
		"tree in one-byte extensions": field("Tree", append(length32(0xdf, 4), "\xa1k\xd4\x80\x81\xa1k\xd4\x80\x81\xa1k\xd4\x80\x81\xa1k\xd4\x80\x80"...)...),
		"tree too deep":               field("Tree", chain(MaxDepth, "\x81\xa1k", 0x80)...),
		"arrays too deep":             chain(MaxDepth+1, "\x91", 0xc0),
		"arrays much too deep":        chain(1<<20, "\x91", 0xc0),
		"maps much too deep":          field("Loose", chain(1<<20, "\x81\xa0", 0xc0)...),
		"unknown field much too deep": field("Unknown", chain(1<<20, "\x91", 0xc0)...),
		"reserved code":               field("Loose", 0xc1),
		"key that is not text":        field("Loose", 0x81, 0x01, 0x02),
		"key that cannot be one":      field("Loose", 0x81, 0x91, 0x01, 0x02),
		"cut in a head":               {0x81, 0xa1},
		"cut in a number":             field("Loose", 0xcf, 1, 2, 3),
		"cut in an extension":         field("Loose", 0xd8, 5, 1, 2),
		"bytes behind":                append(field("Loose", 0xc0), 0xc0),
		"panic of a method":           field("Hook", 0x01),
	}
}

func TestMsgPack_HostilePayloads(t *testing.T) {
	dec := MsgPack[holder]().Decoder()
	for name, payload := range hostileMsgPack() {
		t.Run(name, func(t *testing.T) {
			v := holder{Loose: "old"}
			before := allocated()
			err := dec.Decode(payload, &v)
			if used := allocated() - before; used > 1<<16+256*uint64(len(payload)) {
				t.Errorf("%d bytes allocated for a payload of %d", used, len(payload))
			}
			var de *DecodeError
			if !errors.As(err, &de) || de.Type != "serde.holder" || de.Encoding != EncodingMsgPack {
				t.Fatalf("decoded, or not the right error: %v", err)
			}
			if v.Loose != nil {
				t.Error("the value was left as it was")
			}
			good, err := msgpack.Marshal(map[string]any{"Loose": int64(7)})
			if err != nil {
				t.Fatal(err)
			}
			if err := dec.Decode(good, &v); err != nil || v.Loose != int64(7) {
				t.Errorf("the decoder is of no use after an error: %v, %v", v.Loose, err)
			}
		})
	}
}

func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

func hostileCBOR() map[string][]byte {
	return map[string][]byte{
		"empty":                {},
		"array of 2^63":        binary.BigEndian.AppendUint64([]byte{0x9b}, 1<<63),
		"array of 2^31-1":      {0x9a, 0x7f, 0xff, 0xff, 0xff, 0x00},
		"map of 2^32":          binary.BigEndian.AppendUint64([]byte{0xbb}, 1<<32),
		"bytes of 2^62":        binary.BigEndian.AppendUint64([]byte{0x5b}, 1<<62),
		"too deep":             chain(MaxDepth+1, "\x81", 0x00),
		"much too deep":        chain(1<<20, "\x9f", 0x00),
		"tags much too deep":   chain(1<<20, "\xc6", 0x00),
		"never ending":         {0x9f, 0x00},
		"break alone":          {0xff},
		"key twice":            []byte("\xa2\x61a\x01\x61a\x02"),
		"key that is a map":    {0xa1, 0xa0, 0x00},
		"text that is not":     {0x62, 0xff, 0xfe},
		"pieces of other kind": {0x5f, 0x61, 'a', 0xff},
		"bytes behind":         {0x00, 0x00},
	}
}

func TestCBOR_HostilePayloads(t *testing.T) {
	dec := CBOR[any]().Decoder()
	for name, payload := range hostileCBOR() {
		t.Run(name, func(t *testing.T) {
			var v any = "old"
			before := allocated()
			err := dec.Decode(payload, &v)
			if used := allocated() - before; used > 1<<16+256*uint64(len(payload)) {
				t.Errorf("%d bytes allocated for a payload of %d", used, len(payload))
			}
			var de *DecodeError
			if !errors.As(err, &de) || v != nil {
				t.Fatalf("decoded as %v (%v)", v, err)
			}
		})
	}
}

func TestDecoder_PanicsOfMethods(t *testing.T) {
	var v holder
	if err := CBOR[holder]().Decoder().Decode([]byte("\xa1\x64Hook\x01"), &v); err == nil || !strings.Contains(err.Error(), "method of the application") {
		t.Error(err)
	}
	if err := JSON[holder]().Decoder().Decode([]byte(`{"Hook":1}`), &v); !errors.Is(err, io.ErrClosedPipe) {
		t.Error(err)
	}
}

func TestJSON_HostilePayloads(t *testing.T) {
	dec := JSON[any]().Decoder()
	for _, payload := range []string{"", " ", "{", "1 2", `"\u12"`, "nul", `{"a":}`, strings.Repeat("[", 1<<20), `{"a":1}]`} {
		v := any("old")
		var de *DecodeError
		if err := dec.Decode([]byte(payload), &v); !errors.As(err, &de) || v != nil {
			t.Errorf("%.20q decoded as %v (%v)", payload, v, err)
		}
	}
}

func TestDecoder_MaxDepth(t *testing.T) {
	var v any
	if err := MsgPack[any]().Decoder().Decode(chain(MaxDepth, "\x91", 0xc0), &v); err != nil {
		t.Error(err)
	}
	if err := CBOR[any]().Decoder().Decode(chain(MaxDepth, "\x81", 0x00), &v); err != nil {
		t.Error(err)
	}
	for encoding, payload := range map[string][]byte{
		EncodingMsgPack: chain(MaxDepth, "\x91", 0xc0), EncodingCBOR: chain(MaxDepth, "\x81", 0x00),
	} {
		if _, err := ToJSON(Type{Encoding: encoding}, payload); err != nil {
			t.Error(err)
		}
	}
}

func TestDecoder_BoundedAllocation(t *testing.T) {
	const n = 1 << 14
	for name, payload := range map[string][]byte{
		"nils":       append(length32(0xdd, n), bytes.Repeat([]byte{0xc0}, n)...),
		"empty maps": append(length32(0xdd, n), bytes.Repeat([]byte{0x80}, n)...),
		"small maps": append(length32(0xdd, n), bytes.Repeat([]byte{0x81, 0xa0, 0xc0}, n)...),
		"one map":    append(length32(0xdf, n), bytes.Repeat([]byte{0xa0, 0xc0}, n)...),
	} {
		var v any
		before := allocated()
		if err := MsgPack[any]().Decoder().Decode(payload, &v); err != nil {
			t.Fatal(err)
		}
		factor := float64(allocated()-before) / float64(len(payload))
		t.Logf("%s: %.0f bytes per byte of payload", name, factor)
		if factor > 200 {
			t.Errorf("%s: %.0f bytes per byte of payload", name, factor)
		}
	}
}

// A payload that changes while it is decoded must not get a length past the check.
func TestDecoder_LengthsReadOnce(t *testing.T) {
	src := append(length32(0xdd, 2), 0xc0, 0xc0)
	var r tokenReader
	r.reset(src)
	if c, err := r.ReadByte(); err != nil || c != 0xdd {
		t.Fatal(c, err)
	}
	copy(src[1:], "\xff\xff\xff\xff")
	var n [4]byte
	if _, err := io.ReadFull(&r, n[:]); err != nil || n != [4]byte{0, 0, 0, 2} {
		t.Fatalf("%x, %v", n, err)
	}
}

func TestTokenReader_AgreesWithTheLibrary(t *testing.T) {
	for code := range 256 {
		b := append([]byte{byte(code)}, 0, 0, 0, 1)
		b = append(b, make([]byte, 40)...)
		if k := kindOf(byte(code)); k.class == extension || k.class == reserved {
			continue
		}
		dec := msgpack.NewDecoder(bytes.NewReader(b))
		if err := dec.Skip(); err != nil {
			t.Fatalf("%x: %v", code, err)
		}
		rest, err := io.ReadAll(dec.Buffered())
		if err != nil {
			t.Fatal(err)
		}
		whole := b[:len(b)-len(rest)]
		var v any
		if err := MsgPack[any]().Decoder().Decode(whole, &v); err != nil && kindOf(byte(code)).values != 2 {
			t.Errorf("%x: %v", whole, err)
		}
		if err := MsgPack[any]().Decoder().Decode(append(bytes.Clone(whole), 0), &v); err == nil {
			t.Errorf("%x: longer than it is", whole)
		}
		if len(whole) > 1 {
			if err := MsgPack[any]().Decoder().Decode(whole[:len(whole)-1], &v); err == nil {
				t.Errorf("%x: shorter than it is", whole)
			}
		}
	}
}

func Example() {
	type Reading struct {
		Sensor string
		Value  float64
	}
	c := MsgPack[Reading]()
	payload, err := c.Encoder().Append(nil, Reading{"front", 1.5})
	if err != nil {
		fmt.Println(err)
		return
	}
	js, err := ToJSON(c.Type(), payload)
	fmt.Println(c.Type().Name, string(js), err)
	// Output: serde.Reading {"Sensor":"front","Value":1.5} <nil>
}
