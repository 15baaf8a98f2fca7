package dynamic

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"structs"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/shmbus/shmbus/internal/testpb"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/serde/cdr"
	"github.com/shmbus/shmbus/serde/plain"
	"github.com/shmbus/shmbus/serde/protobuf"
)

// everything has the kinds of values that each encoding of structs has.
type everything struct {
	_     structs.HostLayout
	Big   uint64     `json:"big" msgpack:"big"`
	Small int64      `json:"small" msgpack:"small"`
	Whole float64    `json:"whole" msgpack:"whole"`
	Float float32    `json:"float" msgpack:"float"`
	Bytes [3]uint8   `json:"bytes" msgpack:"bytes"`
	Flag  bool       `json:"flag" msgpack:"flag"`
	List  [2]int16   `json:"list" msgpack:"list"`
	Inner [1]numbers `json:"inner" msgpack:"inner"`
	_     [2]byte
}

type numbers struct {
	_ structs.HostLayout
	N uint16 `json:"n" msgpack:"n"`
}

const everythingSchema = `uint64 big
int64 small
float64 whole
float32 float
uint8[3] bytes
bool flag
int16[2] list
pkg/Numbers[1] inner
===
MSG: pkg/Numbers
uint16 n
`

func newEverything() everything {
	return everything{
		Big: math.MaxUint64, Small: math.MinInt64, Whole: 2, Float: 0.1, Bytes: [3]uint8{1, 2, 255}, Flag: true,
		List: [2]int16{-1, 300}, Inner: [1]numbers{{N: math.MaxUint16}},
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// A sample is a payload and the value that it stands for.
type sample struct {
	typ     serde.Type
	payload []byte
	value   any
}

func encoded[T any](c serde.Codec[T], v T, value any) sample {
	return sample{c.Type(), must(c.Encoder().Append(nil, v)), value}
}

func samples() []sample {
	value := func(change func(map[string]any)) map[string]any {
		v := map[string]any{
			"big": uint64(math.MaxUint64), "small": int64(math.MinInt64), "whole": 2.0, "float": float64(float32(0.1)), "bytes": []byte{1, 2, 255},
			"flag": true, "list": []any{int64(-1), int64(300)}, "inner": []any{map[string]any{"n": int64(math.MaxUint16)}},
		}
		if change != nil {
			change(v)
		}
		return v
	}
	all := newEverything()
	titled := map[string]any{}
	for k, v := range value(nil) {
		titled[strings.ToUpper(k[:1])+k[1:]] = v
	}
	titled["Inner"] = []any{map[string]any{"N": int64(math.MaxUint16)}}
	return []sample{
		encoded(serde.JSON[everything](), all, value(func(v map[string]any) {
			v["whole"], v["float"], v["bytes"] = int64(2), 0.1, []any{int64(1), int64(2), int64(255)}
		})),
		encoded(serde.CBOR[everything](), all, value(nil)),
		encoded(serde.MsgPack[everything](), all, value(nil)),
		encoded(must(cdr.Codec[everything]("pkg/msg/Everything", everythingSchema)), all, value(nil)),
		encoded(must(plain.New[everything]()), all, titled),
		encoded(must(plain.NewSlice[numbers, uint8]()), plain.Slice[numbers, uint8]{Items: []uint8{7}},
			map[string]any{"Header": map[string]any{"N": int64(0)}, "Items": []byte{7}}),
		encoded(must(plain.NewSlice[struct{}, float32]()), plain.Slice[struct{}, float32]{Items: []float32{7}}, map[string]any{"Items": []any{7.0}}),
		encoded(serde.String(), "text", "text"),
		encoded(serde.MsgPack[any](), any(map[int8]any{-1: nil, 2: time.Unix(0, 5).UTC()}), map[string]any{"-1": nil, "2": "1970-01-01T00:00:00.000000005Z"}),
		encoded(serde.CBOR[any](), any(map[int8]any{-1: nil, 2: time.Unix(0, 5).UTC()}), map[string]any{"-1": nil, "2": "1970-01-01T00:00:00.000000005Z"}),
		encoded(protobuf.Codec[*testpb.Image](), &testpb.Image{
			Stamp: timestamppb.New(time.Unix(1, 0)), FrameId: "camera", Width: 1, Format: testpb.Image_RGB8, Data: []byte{1, 2, 3},
		}, map[string]any{
			"stamp": "1970-01-01T00:00:01Z", "frameId": "camera", "width": int64(1), "height": int64(0), "format": "RGB8", "data": []byte{1, 2, 3},
		}),
		encoded(protobuf.Codec[*testpb.Node](), &testpb.Node{
			Texts: map[int32]string{-1: "x"}, Choice: &testpb.Node_Number{Number: math.MinInt64}, Offset: proto.Int32(-5), Id: math.MaxUint64,
			Any: must(anypb.New(&testpb.Vector{X: 1.5})), Formats: []testpb.Image_Format{testpb.Image_MONO8, 77},
		}, map[string]any{
			"children": []any{}, "named": map[string]any{}, "texts": map[string]any{"-1": "x"}, "number": int64(math.MinInt64), "offset": int64(-5),
			"id": uint64(math.MaxUint64), "any": map[string]any{"@type": "type.googleapis.com/testpb.Vector", "x": 1.5, "y": int64(0), "z": int64(0)},
			"formats": []any{"MONO8", int64(77)},
		}),
	}
}

func TestToValue(t *testing.T) {
	for i, s := range samples() {
		v, err := ToValue(s.typ, s.payload)
		if err != nil || !reflect.DeepEqual(v, s.value) {
			t.Errorf("%d, %s: %#v, %v; want %#v", i, s.typ.Encoding, v, err, s.value)
		}
	}
}

func TestToValue_RareValues(t *testing.T) {
	for _, c := range []struct {
		encoding, payload string
		want              any
	}{
		{"json", `[18446744073709551615,18446744073709551616,1.0,-0,1e999,null]`, []any{uint64(math.MaxUint64), 18446744073709551616.0, 1.0, int64(0), math.Inf(1), nil}},
		{"msgpack", "\xd4\x07\xff", map[string]any{"ext": int64(7), "data": []byte{0xff}}},
		{"msgpack", "\x81\xc4\x01\x00\xa1\xff", map[string]any{"AA==": "�"}},
		{"msgpack", "\x82\xc0\x01\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00\x02", map[string]any{"null": int64(1), "1.5": int64(2)}},
		{"cbor", "\x3b\xff\xff\xff\xff\xff\xff\xff\xff", -18446744073709551616.0},
		{"cbor", "\xc2\x49\x01\x00\x00\x00\x00\x00\x00\x00\x00", 18446744073709551616.0},
		{"cbor", "\xc3\x41\x00", int64(-1)},
		{"cbor", "\xc2\x48\xff\xff\xff\xff\xff\xff\xff\xff", uint64(math.MaxUint64)},
		{"cbor", "\xc1\x01", "1970-01-01T00:00:01Z"},
		{"cbor", "\xc1\x61a", map[string]any{"tag": int64(1), "value": "a"}},
		{"cbor", "\xd8\x20\x41a", map[string]any{"tag": int64(32), "value": []byte("a")}},
		{"cbor", "\x9f\x01\x02\xbf\x61a\xf4\xff\xff", []any{int64(1), int64(2), map[string]any{"a": false}}},
		{"cbor", "\x83\xf9\x3c\x00\xf7\xe0", []any{1.0, nil, map[string]any{"simple": int64(0)}}},
		{"cbor", "\x5f\x41a\x41b\xff", []byte("ab")},
	} {
		if v, err := ToValue(serde.Type{Encoding: c.encoding}, []byte(c.payload)); err != nil || !reflect.DeepEqual(v, c.want) {
			t.Errorf("%s %q: %#v, %v; want %#v", c.encoding, c.payload, v, err, c.want)
		}
	}
}

// A payload is malformed for ToValue where it is for ToJSON, and otherwise both show the same.
func TestToValue_AgreesWithToJSON(t *testing.T) {
	var c Converter
	decoded := 0
	for _, s := range samples() {
		check := func(payload []byte) {
			t.Helper()
			js, jsonErr := c.ToJSON(s.typ, payload)
			v, err := c.ToValue(s.typ, payload)
			if (jsonErr == nil) != (err == nil) {
				t.Fatalf("%s %x: %v as JSON, %v as value", s.typ.Encoding, payload, jsonErr, err)
			}
			if err != nil {
				if !errors.As(err, new(*serde.DecodeError)) {
					t.Fatalf("%s %x: %v", s.typ.Encoding, payload, err)
				}
				return
			}
			decoded++
			var shown any
			d := json.NewDecoder(strings.NewReader(string(js)))
			d.UseNumber()
			if err := d.Decode(&shown); err != nil {
				t.Fatal(err)
			}
			if got, want := fmt.Sprint(asJSON(v)), fmt.Sprint(asJSON(shown)); got != want {
				t.Fatalf("%s %x:\n%s as value\n%s as JSON", s.typ.Encoding, payload, got, want)
			}
		}
		check(s.payload)
		for n := range s.payload {
			check(s.payload[:n])
			damaged := append([]byte{}, s.payload...)
			for _, flip := range []byte{1, 0x80, 0xff, 0x20} {
				damaged[n] = s.payload[n] ^ flip
				check(damaged)
			}
		}
	}
	if decoded < 500 {
		t.Errorf("only %d payloads were decoded", decoded)
	}
}

// asJSON replaces what values and their JSON have in different forms.
func asJSON(v any) any {
	switch v := v.(type) {
	case []byte:
		return base64.StdEncoding.EncodeToString(v)
	case float64:
		switch {
		case math.IsNaN(v):
			return "NaN"
		case math.IsInf(v, 0):
			return strings.TrimPrefix(strconv.FormatFloat(v, 'g', -1, 64)+"inity", "+")
		}
		return strconv.FormatFloat(float64(float32(v)), 'g', 5, 64) // JSON has only the digits that tell float32 values apart
	case json.Number:
		f, _ := v.Float64()
		return asJSON(f + 0) // -0 is an integer of JSON
	case int64, uint64:
		return asJSON(json.Number(fmt.Sprint(v)))
	case string: // 64-bit numbers of protobuf
		if _, err := strconv.ParseFloat(v, 64); err == nil && !strings.ContainsAny(v, "NaInf") {
			return asJSON(json.Number(v))
		}
		return v
	case []any:
		for i := range v {
			v[i] = asJSON(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = asJSON(v[k])
		}
	}
	return v
}

// Schemas and headers that announce many values per byte cost no more memory than the limit.
func TestToValue_BoundedMemory(t *testing.T) {
	var nested strings.Builder
	nested.WriteString("a/M0[] list\n")
	for i := range 60 {
		fmt.Fprintf(&nested, "===\nMSG: a/M%d\na/M%d x\n", i, i+1)
	}
	nested.WriteString("===\nMSG: a/M60\nbool x\n")
	for name, s := range map[string]sample{
		"cdr":     {typ: serde.Type{Name: "a/M", Encoding: "cdr", SchemaEncoding: "ros2msg", Schema: []byte(nested.String())}, payload: append([]byte{0, 1, 0, 0, 0, 0, 1, 0}, make([]byte, 1<<16)...)},
		"msgpack": {typ: serde.Type{Encoding: "msgpack"}, payload: []byte(strings.Repeat("\xdc\xff\xff", 200) + strings.Repeat("\x80", 1<<16))},
		"cbor":    {typ: serde.Type{Encoding: "cbor"}, payload: append([]byte("\x9a\x00\x01\x00\x00"), strings.Repeat("\xa0", 1<<16)...)},
		"json":    {typ: serde.Type{Encoding: "json"}, payload: []byte("[" + strings.Repeat("{},", 1<<16) + "0]")},
	} {
		before := allocated()
		_, err := ToValue(s.typ, s.payload)
		limit := uint64(2<<20 + 2*512*len(s.payload)) // what is discarded on the way counts here too
		if used := allocated() - before; used > limit {
			t.Errorf("%s: %d bytes allocated for a payload of %d (%v)", name, used, len(s.payload), err)
		}
		if (name == "cdr" || name == "msgpack") != (err != nil) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

func FuzzToValue(f *testing.F) {
	types := []serde.Type{}
	for _, s := range samples() {
		f.Add(uint8(len(types)), s.payload)
		types = append(types, s.typ)
	}
	var c Converter
	f.Fuzz(func(t *testing.T, i uint8, payload []byte) {
		typ := types[int(i)%len(types)]
		_, jsonErr := c.ToJSON(typ, payload)
		if _, err := c.ToValue(typ, payload); err == nil && jsonErr != nil {
			t.Errorf("%s %x: %v as JSON", typ.Encoding, payload, jsonErr)
		}
	})
}
