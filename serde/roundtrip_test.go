package serde

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

type pose struct {
	X, Y, Z float64
	Frame   string
	Stamp   time.Time
}

type everything struct {
	Bool     bool
	Int      int64
	Uint     uint64
	Small    int8
	Half     float32
	Whole    float64
	Text     string
	Bytes    []byte
	Fixed    [3]int32
	List     []string
	Poses    []pose
	Ints     map[string]int64
	ByNumber map[uint32]string
	Next     *everything
	Any      any
	Tagged   int `msgpack:"t" cbor:"t" json:"t"`
}

func trickyValues() map[string]everything {
	stamp := time.Date(2026, 2, 28, 23, 59, 59, 123456789, time.UTC)
	return map[string]everything{
		"zero":             {},
		"empty, not nil":   {Bytes: []byte{}, List: []string{}, Ints: map[string]int64{}, Poses: []pose{}},
		"largest integers": {Int: math.MaxInt64, Uint: math.MaxUint64, Small: math.MaxInt8},
		"least integers":   {Int: math.MinInt64, Small: math.MinInt8, Fixed: [3]int32{math.MinInt32, -1, math.MaxInt32}},
		"extreme floats":   {Half: math.MaxFloat32, Whole: math.SmallestNonzeroFloat64},
		"unicode":          {Text: "läß 日本語 🤖 \x00 \" \\ \u2028", Ints: map[string]int64{"": 1, "ключ": 2}},
		"bytes of any kind": {Bytes: []byte{0, 0xff, 0xc1, '"'},
			List: []string{"", strings.Repeat("x", 31), strings.Repeat("y", 32), strings.Repeat("z", 1<<16)}},
		"nested": {Next: &everything{Next: &everything{Text: "deep", Any: "inner"}}, ByNumber: map[uint32]string{0: "a", math.MaxUint32: "b"}},
		"times":  {Poses: []pose{{Stamp: stamp}, {Stamp: time.Unix(1, 1)}, {Stamp: time.Unix(1<<35, 5).UTC()}, {X: -0.5, Frame: "map"}}},
	}
}

func codecs[T any]() map[string]Codec[T] {
	return map[string]Codec[T]{EncodingMsgPack: MsgPack[T](), EncodingCBOR: CBOR[T](), EncodingJSON: JSON[T]()}
}

func TestCodecs_RoundTrip(t *testing.T) {
	for encoding, c := range codecs[everything]() {
		enc, dec := c.Encoder(), c.Decoder()
		for name, want := range trickyValues() {
			t.Run(encoding+"/"+name, func(t *testing.T) {
				b, err := enc.Append(nil, want)
				if err != nil {
					t.Fatal(err)
				}
				got := everything{Text: "of before", List: []string{"of before"}, Next: &everything{}}
				if err := dec.Decode(b, &got); err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff(want, got, cmpopts.EquateApproxTime(0)); d != "" {
					t.Fatal(d)
				}
				again, err := enc.Append(nil, got)
				if err != nil {
					t.Fatal(err)
				}
				if len(again) != len(b) {
					t.Fatalf("encoded again: %d bytes instead of %d", len(again), len(b))
				}
			})
		}
	}
}

func TestCodecs_NaNAndInfinities(t *testing.T) {
	for _, c := range []Codec[[]float64]{MsgPack[[]float64](), CBOR[[]float64]()} {
		b, err := c.Encoder().Append(nil, []float64{math.NaN(), math.Inf(1), math.Inf(-1), math.Copysign(0, -1)})
		if err != nil {
			t.Fatal(err)
		}
		var got []float64
		if err := c.Decoder().Decode(b, &got); err != nil {
			t.Fatal(err)
		}
		if !math.IsNaN(got[0]) || !math.IsInf(got[1], 1) || !math.IsInf(got[2], -1) || !math.Signbit(got[3]) {
			t.Errorf("%s: %v", c.Type().Encoding, got)
		}
	}
}

func TestCodecs_TopLevelKinds(t *testing.T) {
	roundTrip(t, codecs[int](), -5)
	roundTrip(t, codecs[string](), "text")
	roundTrip(t, codecs[[]byte](), []byte{1, 2, 3})
	roundTrip(t, codecs[bool](), true)
	roundTrip(t, codecs[any](), any("text"))
	roundTrip(t, codecs[any](), nil)
	roundTrip(t, codecs[*pose](), &pose{X: 1, Frame: "odom"})
	roundTrip(t, codecs[*pose](), nil)
	roundTrip(t, codecs[map[string]int](), nil)
	roundTrip(t, codecs[map[string][]int](), map[string][]int{"a": {1}, "b": nil})
	roundTrip(t, codecs[time.Duration](), time.Hour)
}

func roundTrip[T any](t *testing.T, all map[string]Codec[T], want T) {
	t.Helper()
	for encoding, c := range all {
		b, err := c.Encoder().Append(nil, want)
		if err != nil {
			t.Errorf("%s %T: %v", encoding, want, err)
			continue
		}
		var got T
		if err := c.Decoder().Decode(b, &got); err != nil {
			t.Errorf("%s %T: %v", encoding, want, err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s %T: %s", encoding, want, d)
		}
	}
}

func TestEncoder_AppendInPlace(t *testing.T) {
	for encoding, c := range codecs[everything]() {
		enc := c.Encoder()
		whole, err := enc.Append([]byte("head"), trickyValues()["nested"])
		if err != nil || !bytes.HasPrefix(whole, []byte("head")) {
			t.Fatal(whole, err)
		}
		backing := make([]byte, len(whole)+8)
		copy(backing, "head")
		got, err := enc.Append(backing[:4], trickyValues()["nested"])
		if err != nil {
			t.Fatal(err)
		}
		if &got[0] != &backing[0] {
			t.Errorf("%s: moved although the capacity sufficed", encoding)
		}
		var v everything
		if err := c.Decoder().Decode(got[4:], &v); err != nil {
			t.Errorf("%s: in place: %v", encoding, err)
		}
		tight := make([]byte, 4, 10)
		copy(tight, "head")
		got, err = enc.Append(tight, trickyValues()["nested"])
		if err != nil || !bytes.HasPrefix(got, []byte("head")) || len(got) != len(whole) {
			t.Errorf("%s: grown: %d bytes, want %d (%v)", encoding, len(got), len(whole), err)
		}
	}
}

func TestEncoder_FailedAppendLeavesDst(t *testing.T) {
	for encoding, c := range codecs[any]() {
		enc := c.Encoder()
		dst, err := enc.Append(make([]byte, 3, 100), []any{"fine", make(chan int)})
		if err == nil || len(dst) != 3 || cap(dst) != 100 {
			t.Errorf("%s: a channel was encoded: %v (%d bytes)", encoding, err, len(dst))
		}
		if _, err := enc.Append(nil, "next"); err != nil {
			t.Errorf("%s: the encoder is of no use after an error: %v", encoding, err)
		}
	}
	if dst, err := String().Encoder().Append([]byte("ab"), "\xff"); err == nil || len(dst) != 2 {
		t.Errorf("text that is not UTF-8 was encoded: %q", dst)
	}
	if _, err := JSON[float64]().Encoder().Append(nil, math.NaN()); err == nil {
		t.Error("NaN was encoded as JSON")
	}
}

func TestCodecs_Types(t *testing.T) {
	for _, tc := range []struct{ got, want Type }{
		{Raw().Type(), Type{Encoding: "raw"}},
		{String().Type(), Type{Name: "string", Encoding: "string"}},
		{MsgPack[pose]().Type(), Type{Name: "serde.pose", Encoding: "msgpack"}},
		{MsgPack[*pose]().Type(), Type{Name: "serde.pose", Encoding: "msgpack"}},
		{CBOR[time.Time]().Type(), Type{Name: "time.Time", Encoding: "cbor"}},
		{JSON[map[string]int]().Type(), Type{Name: "map[string]int", Encoding: "json"}},
		{Default[[]byte]().Type(), Type{Encoding: "raw"}},
		{Default[string]().Type(), Type{Name: "string", Encoding: "string"}},
		{Default[pose]().Type(), Type{Name: "serde.pose", Encoding: "msgpack"}},
	} {
		if d := cmp.Diff(tc.want, tc.got); d != "" {
			t.Error(d)
		}
	}
	schema := []byte("message")
	c := Opaque(Type{Name: "std_msgs/String", Encoding: "cdr", SchemaEncoding: "ros2msg", Schema: schema})
	schema[0] = 'X'
	if got := c.Type(); got.Encoding != "cdr" || string(got.Schema) != "message" {
		t.Errorf("%+v", got)
	}
}

func TestRaw_AliasesSource(t *testing.T) {
	src := []byte("payload and more")[:7]
	var window []byte
	if err := Raw().Decoder().Decode(src, &window); err != nil {
		t.Fatal(err)
	}
	if &window[0] != &src[0] || cap(window) != 7 {
		t.Fatalf("not the source, or more of it: %q, capacity %d", window, cap(window))
	}
	dec := String().Decoder()
	var kept []string
	for i := range 3000 { // over several blocks, and longer than one
		want := strings.Repeat(string(rune('a'+i%26)), i%1500)
		var s string
		buf := []byte(want)
		if err := dec.Decode(buf, &s); err != nil {
			t.Fatal(err)
		}
		clear(buf)
		kept = append(kept, s)
	}
	for i, s := range kept {
		if want := strings.Repeat(string(rune('a'+i%26)), i%1500); s != want {
			t.Fatalf("string %d changed after it was decoded", i)
		}
	}
	var de *DecodeError
	s := "old"
	if err := dec.Decode([]byte("a\xff"), &s); !errors.As(err, &de) || de.Encoding != "string" || s != "" {
		t.Errorf("text that is not UTF-8: %q, %v", s, err)
	}
}

func TestRaw_AllocatesNothing(t *testing.T) {
	dst, payload := make([]byte, 0, 64), []byte("payload")
	rawEnc, rawDec := Raw().Encoder(), Raw().Decoder()
	textEnc, textDec := String().Encoder(), String().Decoder()
	type point struct {
		X, Y  float64
		Frame string
	}
	packEnc := MsgPack[point]().Encoder()
	var b []byte
	var s string
	for name, f := range map[string]func(){
		"raw":     func() { dst, _ = rawEnc.Append(dst[:0], payload); rawDec.Decode(dst, &b) },
		"string":  func() { dst, _ = textEnc.Append(dst[:0], "text"); textDec.Decode(dst, &s) },
		"msgpack": func() { dst, _ = packEnc.Append(dst[:0], point{X: 1, Frame: "map"}) },
	} {
		if n := testing.AllocsPerRun(1000, f); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
