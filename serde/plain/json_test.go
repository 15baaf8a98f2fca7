package plain

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/shmbus/shmbus/serde"
)

const everythingJSON = `{"I64":-9223372036854775808,"U64":18446744073709551615,"F64":-0.5,"I32":-2147483648,"U32":4294967295,"F32":1.25,` +
	`"I16":-2,"U16":65535,"I8":-128,"U8":255,"Go":true,"Our":true,"Mode":3,"Signed":2,` +
	`"Points":[{"X":1,"Y":0,"Z":0,"Ring":2},{"X":0,"Y":3,"Z":0,"Ring":0},{"X":0,"Y":0,"Z":4,"Ring":0}],` +
	`"Bytes":"AQIDBAU=","Flags":[[true,false],[false,true]]}`

func parsed(t *testing.T, typ serde.Type) *schema {
	t.Helper()
	s, err := ParseSchema(typ)
	if err != nil {
		t.Fatal(err)
	}
	return s.s
}

func TestToJSON_Everything(t *testing.T) {
	c := codec[everything](t)
	payload := encode(t, c, someEverything())
	js, err := ToJSON(c.Type(), payload)
	if err != nil || string(js) != everythingJSON {
		t.Fatalf("%s, %v", js, err)
	}
	back, err := FromJSON(c.Type(), js)
	if err != nil || string(back) != string(payload) {
		t.Errorf("%x, %v; want %x", back, err, payload)
	}
}

func TestToJSON_Slice(t *testing.T) {
	c := sliceCodec[mode, point](t)
	payload := encode(t, c, Slice[mode, point]{2, []point{{X: 1}, {X: 1e-7, Y: float32(math.NaN()), Z: float32(math.Inf(-1))}}})
	js, err := ToJSON(c.Type(), payload)
	if want := `{"Header":2,"Items":[{"X":1,"Y":0,"Z":0,"Ring":0},{"X":1e-7,"Y":"NaN","Z":"-Infinity","Ring":0}]}`; err != nil || string(js) != want {
		t.Fatalf("%s, %v", js, err)
	}
	if back, err := FromJSON(c.Type(), js); err != nil || string(back) != string(payload) {
		t.Errorf("%x, %v", back, err)
	}
	image := sliceCodec[struct{}, uint8](t)
	payload = encode(t, image, Slice[struct{}, uint8]{Items: []uint8{1, 2, 3}})
	js, err = ToJSON(image.Type(), payload)
	if err != nil || string(js) != `{"Items":"AQID"}` {
		t.Fatalf("%s, %v", js, err)
	}
	for _, text := range []string{string(js), `{"Items":[1,2,3]}`} {
		if back, err := FromJSON(image.Type(), []byte(text)); err != nil || string(back) != string(payload) {
			t.Errorf("%s: %x, %v", text, back, err)
		}
	}
	if back, err := FromJSON(image.Type(), []byte(`{}`)); err != nil || len(back) != 8 {
		t.Errorf("%x, %v", back, err)
	}
}

// A payload of the other byte order is read by its schema.
func TestToJSON_OtherByteOrder(t *testing.T) {
	const big = `{"byteOrder":"big","value":{"kind":"array","size":8,"align":4,"length":2,"element":{"kind":"uint32","size":4,"align":4}}}`
	typ := serde.Type{Encoding: Encoding, SchemaEncoding: SchemaEncoding, Schema: []byte(big)}
	payload := []byte{0, 0, 0, 1, 0, 0, 2, 0}
	js, err := ToJSON(typ, payload)
	if err != nil || string(js) != "[1,512]" {
		t.Errorf("%s, %v", js, err)
	}
	if back, err := FromJSON(typ, js); err != nil || string(back) != string(payload) {
		t.Errorf("%x, %v", back, err)
	}
	typ.Schema = []byte(strings.Replace(big, "big", "little", 1))
	if js, err = ToJSON(typ, payload); err != nil || string(js) != "[16777216,131072]" {
		t.Errorf("%s, %v", js, err)
	}
}

func TestToJSON_HostilePayloads(t *testing.T) {
	c := codec[everything](t)
	for want, payload := range hostileEverything(t) {
		_, err := ToJSON(c.Type(), payload)
		if de := (*serde.DecodeError)(nil); !errors.As(err, &de) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %q", err, want)
		}
	}
	s := sliceCodec[point, mode](t)
	payload := encode(t, s, Slice[point, mode]{Items: []mode{1, 2}})
	for want, payload := range map[string][]byte{
		".Items[1]: at offset 25 an enum is 4": set(payload, 25, 4), "has 2 elements of 1 bytes and 1": payload[:25], "fewer than the 24": payload[:23],
	} {
		if _, err := ToJSON(s.Type(), payload); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %q", err, want)
		}
	}
}

func TestToJSON_ResultTooLong(t *testing.T) {
	s := sliceCodec[struct{}, point](t)
	payload := encode(t, s, Slice[struct{}, point]{Items: make([]point, 1000)})
	if _, err := parsed(t, s.Type()).toJSON(payload, 10000); !errors.Is(err, errTooLong) {
		t.Error(err)
	}
	image := codec[[1000]uint8](t)
	if _, err := parsed(t, image.Type()).toJSON(make([]byte, 1000), 1000); !errors.Is(err, errTooLong) {
		t.Error(err)
	}
	if _, err := parsed(t, image.Type()).toJSON(make([]byte, 1000), 2000); err != nil {
		t.Error(err)
	}
}

func TestJSON_OtherEncodings(t *testing.T) {
	good := codec[point](t).Type()
	for _, typ := range []serde.Type{
		{Encoding: "cbor", SchemaEncoding: good.SchemaEncoding, Schema: good.Schema}, {Encoding: Encoding, SchemaEncoding: "jsonschema", Schema: good.Schema},
		{Encoding: Encoding, SchemaEncoding: good.SchemaEncoding}, {},
	} {
		if _, err := ToJSON(typ, make([]byte, 16)); !errors.Is(err, serde.ErrUndecodable) {
			t.Error(err)
		}
		if _, err := FromJSON(typ, []byte(`{}`)); !errors.Is(err, serde.ErrUndecodable) {
			t.Error(err)
		}
	}
}

func TestFromJSON_Refused(t *testing.T) {
	c := codec[everything](t)
	for js, want := range map[string]string{
		``:                                    "unexpected EOF",
		`{} {}`:                               "bytes follow",
		`[]`:                                  "not an object",
		`{"Points":[{"X":"far"}]}`:            ".Points: it has 1 elements, not 3",
		`{"Points":[{},{},{"X":"far"}]}`:      ".Points[2].X: it is not a number",
		`{"Points":[{},{},{"x":1}]}`:          `.Points[2]: unknown member "x"`,
		`{"_":0}`:                             `unknown member "_"`,
		`{"I8":128}`:                          ".I8: 128 does not fit int8",
		`{"U8":-1}`:                           `.U8: "-1" is no uint8`,
		`{"U32":4294967296}`:                  "does not fit",
		`{"I16":1.5}`:                         `.I16: "1.5" is no int16`,
		`{"I16":"NaN"}`:                       "not a number",
		`{"F32":1e39}`:                        "does not fit float32",
		`{"Go":1}`:                            "not true or false",
		`{"Mode":4}`:                          ".Mode: an enum is 4, not 0 to 3",
		`{"Signed":-1}`:                       "an enum is -1",
		`{"Bytes":"AQID"}`:                    "it has 3 elements, not 5",
		`{"Bytes":"?"}`:                       "illegal base64",
		`{"Bytes":[1,2,3,4,256]}`:             ".Bytes[4]: 256 does not fit",
		`{"Flags":"AQIDBA=="}`:                "not an array",
		`{"Flags":null}`:                      "not an array",
		strings.Repeat("[", 20000):            "exceeded max depth",
		`{"Points":[[],[],` + `{"Ring":{}}]}`: ".Points[0]: it is not an object",
	} {
		out, err := FromJSON(c.Type(), []byte(js))
		if err == nil || out != nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.50s: %x, %v; want %q", js, out, err, want)
		}
	}
	s := sliceCodec[point, uint16](t)
	for js, want := range map[string]string{
		`[]`: "not an object", `{"items":[]}`: `unknown member "items"`, `{"Items":{}}`: ".Items: it is not an array", `{"Items":"AQ=="}`: "not an array",
		`{"Items":[1,"2"]}`: ".Items[1]: it is not a number", `{"Header":{"Q":1}}`: `.Header: unknown member "Q"`,
	} {
		if _, err := FromJSON(s.Type(), []byte(js)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", js, err, want)
		}
	}
	if _, err := FromJSON(sliceCodec[struct{}, uint8](t).Type(), []byte(`{"Header":{}}`)); err == nil {
		t.Error("a header that the type does not have")
	}
}

// nestedSchema is a schema of n arrays of one element.
func nestedSchema(n int) string {
	return `{"byteOrder":"little","value":` + strings.Repeat(`{"kind":"array","size":1,"align":1,"length":1,"element":`, n) +
		`{"kind":"uint8","size":1,"align":1}` + strings.Repeat("}", n) + "}"
}

// bigSchema is a schema whose n nested arrays multiply their length.
func bigSchema(n int, length, size string) string {
	return `{"byteOrder":"little","value":` + strings.Repeat(`{"kind":"array","size":`+size+`,"align":1,"length":`+length+`,"element":`, n) +
		`{"kind":"uint8","size":1,"align":1}` + strings.Repeat("}", n) + "}"
}

func hostileSchemas() map[string]string {
	u8 := `{"kind":"uint8","size":1,"align":1}`
	u16 := `{"kind":"uint16","size":2,"align":2}`
	value := func(s string) string { return `{"byteOrder":"little","value":` + s + `}` }
	object := func(size, align int, fields string) string {
		return value(fmt.Sprintf(`{"kind":"struct","size":%d,"align":%d,"fields":[%s]}`, size, align, fields))
	}
	field := func(name string, offset int, t string) string {
		return fmt.Sprintf(`{"name":%q,"offset":%d,"type":%s}`, name, offset, t)
	}
	count := `"count":{"offset":0,"type":{"kind":"uint64","size":8,"align":8}}`
	return map[string]string{
		"not JSON":                   `{`,
		"bytes behind":               value(u8) + " ",
		"null":                       `null`,
		"a list":                     `[]`,
		"nothing":                    `{"byteOrder":"little"}`,
		"no byte order":              `{"value":` + u8 + `}`,
		"middle byte order":          `{"byteOrder":"middle","value":` + u8 + `}`,
		"no kind":                    value(`{}`),
		"unknown kind":               value(`{"kind":"int","size":8,"align":8}`),
		"size of a number":           value(`{"kind":"uint8","size":2,"align":1}`),
		"alignment":                  value(`{"kind":"uint16","size":2,"align":1}`),
		"negative size":              value(`{"kind":"array","size":-1,"align":1,"length":-1,"element":` + u8 + `}`),
		"length 0":                   value(`{"kind":"array","size":0,"align":1,"length":0,"element":` + u8 + `}`),
		"length 2^31":                value(`{"kind":"array","size":2147483648,"align":1,"length":2147483648,"element":` + u8 + `}`),
		"length 2^63-1":              value(`{"kind":"array","size":9223372036854775807,"align":1,"length":9223372036854775807,"element":` + u8 + `}`),
		"length 2^64":                value(`{"kind":"array","size":1,"align":1,"length":18446744073709551616,"element":` + u8 + `}`),
		"lengths that multiply to 0": bigSchema(4, "65536", "0"),
		"array without elements":     value(`{"kind":"array","size":1,"align":1,"length":1}`),
		"struct without fields":      object(0, 1, ""),
		"field without a type":       value(`{"kind":"struct","size":1,"align":1,"fields":[{"name":"A","offset":0,"type":null}]}`),
		"field without a name":       object(1, 1, field("", 0, u8)),
		"two fields of one name":     object(2, 1, field("A", 0, u8)+","+field("A", 1, u8)),
		"wrong offset":               object(2, 1, field("A", 0, u8)+","+field("B", 0, u8)),
		"gap":                        object(4, 2, field("A", 0, u8)+","+field("B", 2, u16)),
		"gap at the end":             object(4, 2, field("A", 0, u16)+","+field("B", 2, u8)),
		"enum of a struct":           value(`{"kind":"struct","size":1,"align":1,"max":1,"fields":[` + field("A", 0, u8) + `]}`),
		"enum of a bool":             value(`{"kind":"bool","size":1,"align":1,"max":1}`),
		"enum out of its kind":       value(`{"kind":"int8","size":1,"align":1,"max":128}`),
		"enum of floats":             value(`{"kind":"float32","size":4,"align":4,"max":1}`),
		"nested too deep":            nestedSchema(33),
		"nested much too deep":       nestedSchema(9000),
		"nested beyond JSON":         nestedSchema(15000),
		"too long":                   value(u8) + strings.Repeat(" ", maxSchema),
		"too many fields":            object(5000, 1, strings.TrimSuffix(strings.Repeat(field("_", 0, u8)+",", 5000), ",")),
		"spaces":                     strings.Replace(value(u8), ",", ", ", 1),
		"unknown member":             strings.Replace(value(u8), "{", `{"more":1,`, 1),
		"member twice":               strings.Replace(value(u8), "{", `{"byteOrder":"big",`, 1),
		"both forms":                 `{"byteOrder":"little","value":` + u8 + `,` + count + `,"elements":{"offset":8,"type":` + u8 + `}}`,
		"no count":                   `{"byteOrder":"little","elements":{"offset":8,"type":` + u8 + `}}`,
		"no elements":                `{"byteOrder":"little",` + count + `}`,
		"elements at the header":     `{"byteOrder":"little",` + count + `,"header":{"offset":8,"type":` + u8 + `},"elements":{"offset":8,"type":` + u8 + `}}`,
		"elements without a type":    `{"byteOrder":"little",` + count + `,"elements":{"offset":8,"type":null}}`,
		"header without a type":      `{"byteOrder":"little",` + count + `,"header":{"offset":8,"type":null},"elements":{"offset":16,"type":` + u8 + `}}`,
		"name that is not UTF-8":     object(1, 1, `{"name":"`+"\xff"+`","offset":0,"type":`+u8+`}`),
	}
}

func TestSchema_Hostile(t *testing.T) {
	for name, text := range hostileSchemas() {
		if s, err := parseSchema([]byte(text)); err == nil {
			t.Errorf("%s: accepted as %+v", name, s)
		}
		typ := serde.Type{Encoding: Encoding, SchemaEncoding: SchemaEncoding, Schema: []byte(text)}
		if _, err := ToJSON(typ, []byte{1}); err == nil {
			t.Errorf("%s: a payload was shown", name)
		}
		if _, err := FromJSON(typ, []byte(`1`)); err == nil {
			t.Errorf("%s: a payload was made", name)
		}
	}
	if _, err := parseSchema([]byte(nestedSchema(32))); err != nil {
		t.Error(err)
	}
}

// A payload of JSON is not larger than its limit, whatever the schema says.
func TestFromJSON_HugeSchema(t *testing.T) {
	huge := `{"kind":"array","size":1073741824,"align":1,"length":1073741824,"element":{"kind":"uint8","size":1,"align":1}}`
	for js, schema := range map[string]string{
		`""`: `{"byteOrder":"little","value":` + huge + `}`,
		`{}`: `{"byteOrder":"little","count":{"offset":0,"type":{"kind":"uint64","size":8,"align":8}},"header":{"offset":8,"type":` + huge +
			`},"elements":{"offset":1073741832,"type":{"kind":"uint8","size":1,"align":1}}}`,
		`{"Items":[""]}`: `{"byteOrder":"little","count":{"offset":0,"type":{"kind":"uint64","size":8,"align":8}},"elements":{"offset":8,"type":` + huge + `}}`,
	} {
		typ := serde.Type{Encoding: Encoding, SchemaEncoding: SchemaEncoding, Schema: []byte(schema)}
		if _, err := FromJSON(typ, []byte(js)); !errors.Is(err, errTooLong) {
			t.Error(err)
		}
	}
}

// The schema has all that a layout depends on.
func TestSchema_EqualLayouts(t *testing.T) {
	texts := []string{
		string(codec[point](t).Type().Schema), string(codec[inPlace](t).Type().Schema), string(codec[everything](t).Type().Schema),
		string(codec[uint8](t).Type().Schema), string(codec[int8](t).Type().Schema), string(codec[bool](t).Type().Schema), string(codec[mode](t).Type().Schema),
		string(codec[[4]uint8](t).Type().Schema), string(codec[[2][2]uint8](t).Type().Schema), string(codec[double[uint8]](t).Type().Schema),
		string(sliceCodec[point, uint8](t).Type().Schema), string(sliceCodec[struct{}, uint8](t).Type().Schema), string(sliceCodec[uint8, point](t).Type().Schema),
	}
	for i, text := range texts {
		if slices.Contains(texts[:i], text) || !json.Valid([]byte(text)) {
			t.Errorf("two types have the schema %s", text)
		}
		s, err := parseSchema([]byte(text))
		if err != nil || string(s.bytes()) != text {
			t.Errorf("%s: %v", text, err)
		}
	}
	if texts[5] != string(codec[Bool](t).Type().Schema) {
		t.Error("the two bools differ")
	}
	if want := binary.NativeEndian.Uint16([]byte{1, 0}) == 1; strings.Contains(texts[0], `"byteOrder":"little"`) != want {
		t.Error(texts[0])
	}
}

func FuzzToJSON(f *testing.F) {
	for _, text := range hostileSchemas() {
		if len(text) < 1<<10 {
			f.Add([]byte(text), []byte{1, 0, 0, 0, 0, 0, 0, 0})
		}
	}
	f.Add(codec[everything](f).Type().Schema, encode(f, codec[everything](f), someEverything()))
	c := sliceCodec[inPlace, point](f)
	f.Add(c.Type().Schema, encode(f, c, Slice[inPlace, point]{someInPlace(), []point{{X: 1}, {}}}))
	f.Fuzz(func(t *testing.T, text, payload []byte) {
		typ := serde.Type{Encoding: Encoding, SchemaEncoding: SchemaEncoding, Schema: text}
		js, err := ToJSON(typ, payload)
		if err != nil {
			return
		}
		if !json.Valid(js) {
			t.Fatalf("not JSON: %s", js)
		}
		back, err := FromJSON(typ, js)
		if err != nil || len(back) != len(payload) {
			t.Fatalf("%x became %s and %x: %v", payload, js, back, err)
		}
		again, err := ToJSON(typ, back)
		if err != nil || string(again) != string(js) {
			t.Fatalf("%s became %s: %v", js, again, err)
		}
	})
}

func FuzzFromJSON(f *testing.F) {
	f.Add([]byte(everythingJSON))
	f.Add([]byte(`{"Bytes":[1,2,3,4,5],"F32":"NaN","Points":[{},{},{}]}`))
	f.Add([]byte(`{"Header":{"ID":3,"Points":[{},{"Ring":1}]},"Items":[` + everythingJSON + `]}`))
	fixed, list := codec[everything](f), sliceCodec[inPlace, everything](f)
	f.Fuzz(func(t *testing.T, js []byte) {
		if payload, err := FromJSON(fixed.Type(), js); err == nil {
			var v everything
			if err := fixed.Decoder().Decode(payload, &v); err != nil {
				t.Fatalf("%s made a payload that is wrong: %v", js, err)
			}
		}
		if payload, err := FromJSON(list.Type(), js); err == nil {
			var v Slice[inPlace, everything]
			if err := list.Decoder().Decode(payload, &v); err != nil {
				t.Fatalf("%s made a payload that is wrong: %v", js, err)
			}
		}
	})
}

// Decoder, view and ToJSON accept the same payloads, and show the same.
func FuzzDecode(f *testing.F) {
	for _, b := range hostileEverything(f) {
		f.Add(b)
	}
	f.Add(encode(f, codec[inPlace](f), someInPlace()))
	list := sliceCodec[inPlace, point](f)
	f.Add(encode(f, list, Slice[inPlace, point]{someInPlace(), []point{{X: 1}, {}}}))
	c, all := codec[inPlace](f), codec[everything](f)
	f.Fuzz(func(t *testing.T, b []byte) {
		b = aligned(b)
		var v inPlace
		var whole everything
		var s Slice[inPlace, point]
		err := c.Decoder().Decode(b, &v)
		_, viewed := c.View(b)
		_, shown := ToJSON(c.Type(), b)
		if (err == nil) != (viewed == nil) || (err == nil) != (shown == nil) {
			t.Fatalf("decoded: %v, viewed: %v, shown: %v", err, viewed, shown)
		}
		err = all.Decoder().Decode(b, &whole)
		if _, shown := ToJSON(all.Type(), b); (err == nil) != (shown == nil) {
			t.Fatalf("decoded: %v, shown: %v", err, shown)
		}
		err = list.Decoder().Decode(b, &s)
		_, items, viewed := list.View(b)
		_, shown = ToJSON(list.Type(), b)
		if (err == nil) != (viewed == nil) || (err == nil) != (shown == nil) || len(items) != len(s.Items) {
			t.Fatalf("decoded: %v, viewed: %v, shown: %v", err, viewed, shown)
		}
	})
}

func TestToJSON_LargeBytes(t *testing.T) {
	c := codec[[1 << 16]uint8](t)
	payload := make([]byte, 1<<16)
	payload[1] = 7
	js, err := ToJSON(c.Type(), payload)
	if err != nil || string(js) != `"`+base64.StdEncoding.EncodeToString(payload)+`"` {
		t.Errorf("%d bytes, %v", len(js), err)
	}
}
