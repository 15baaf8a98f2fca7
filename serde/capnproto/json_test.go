package capnproto

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"github.com/shmbus/shmbus/internal/testcapnp"
	"github.com/shmbus/shmbus/serde"
)

// nodeText is a Node with a value in each field, as ToJSON shows it. %s stands for its union.
const nodeText = `{"nothing":null,"flag":true,"on":false,"i8":-128,"i16":-32768,"i32":2147483647,"i64":-9223372036854775808,` +
	`"u8":255,"u16":0,"u64":18446744073709551615,"f32":"NaN","format":"mono8","name":"\"ö\n","blob":"AAEC",` +
	`"next":{%s},"children":[{%s},{%s}],"flags":[true,false,true],"bytes":[1,2,255],"numbers":[],"texts":["","x"],"blobs":["","AA=="],` +
	`"formats":["rgb8","unknown"],"nested":[[1,-2],[],[3]],"origin":{"x":0,"y":0.1,"z":-1e+300},"any":null,` +
	`"count":0,"shape":{"box":{"width":2,"height":"Infinity"}},"limits":{"low":-1,"high":7}}`

// standardNode is a Node without values.
const standardNode = `"nothing":null,"flag":false,"on":true,"i8":-8,"i16":0,"i32":-32,"i64":0,"u8":0,"u16":16,"u64":0,"f32":0.5,` +
	`"format":"rgb8","name":"node","blob":"AQL/","next":null,"children":[],"flags":[],"bytes":[],"numbers":[1,-2,3],"texts":[],"blobs":[],` +
	`"formats":[],"nested":[],"origin":{"x":1,"y":2,"z":0},"any":null,"none":null,"shape":{"round":0},"limits":{"low":0,"high":100}`

func wholeNode() string { return strings.ReplaceAll(nodeText, "%s", standardNode) }

func TestToJSON_Pose(t *testing.T) {
	c := poseCodec(t)
	js, err := ToJSON(c.Type(), encode(t, c, testcapnp.BuildPose()))
	want := `{"stamp":1700000000123456789,"frameId":"map","position":{"x":1.5,"y":-2,"z":0.25},"orientation":{"x":0,"y":0,"z":0,"w":1}}`
	if string(js) != want || err != nil {
		t.Error(string(js), err)
	}
}

func TestToJSON_Defaults(t *testing.T) {
	c := nodeCodec(t)
	for name, payload := range map[string][]byte{
		"no root":      encode(t, c, testcapnp.Node{}),
		"empty struct": {0, 0, 0, 0, 1, 0, 0, 0, 0xfc, 0xff, 0xff, 0xff, 0, 0, 0, 0},
		"no values":    encode(t, c, testcapnp.Build(testcapnp.NewRootNode, func(testcapnp.Node) error { return nil })),
	} {
		if js, err := ToJSON(c.Type(), payload); string(js) != "{"+standardNode+"}" || err != nil {
			t.Errorf("%s: %s, %v", name, js, err)
		}
	}
}

// Default values of the schema may be shown as often as there are structs.
func TestToJSON_ManyDefaults(t *testing.T) {
	typ := nodeCodec(t).Type()
	want := `{"children":[` + strings.Repeat("{"+standardNode+"},", 4999) + "{" + standardNode + `}]}`
	payload, err := FromJSON(typ, []byte(want))
	if err != nil {
		t.Fatal(err)
	}
	js, err := ToJSON(typ, payload)
	if err != nil || strings.Count(string(js), `"numbers":[1,-2,3]`) != 5001 {
		t.Errorf("%d bytes, %v", len(js), err)
	}
}

func TestFromJSON_AllFields(t *testing.T) {
	typ := nodeCodec(t).Type()
	payload, err := FromJSON(typ, []byte(wholeNode()))
	if err != nil {
		t.Fatal(err)
	}
	if js, err := ToJSON(typ, payload); err != nil || string(js) != wholeNode() {
		t.Errorf("%s\nis not\n%s\n%v", js, wholeNode(), err)
	}
}

// What FromJSON makes is what the generated code reads, and the other way round.
func TestFromJSON_GeneratedCode(t *testing.T) {
	c := nodeCodec(t)
	payload, err := FromJSON(c.Type(), []byte(wholeNode()))
	if err != nil {
		t.Fatal(err)
	}
	n, err := c.View(payload)
	if err != nil {
		t.Fatal(err)
	}
	children, err1 := n.Children()
	flags, err2 := n.Flags()
	nested, err3 := n.Nested()
	texts, err4 := n.Texts()
	origin, err5 := n.Origin()
	name, err6 := n.Name()
	blob, err7 := n.Blob()
	text, err8 := texts.At(1)
	if err := errors.Join(err1, err2, err3, err4, err5, err6, err7, err8); err != nil {
		t.Fatal(err)
	}
	switch {
	case !n.Flag(), n.On(), n.I8() != -128, n.I16() != -32768, n.I32() != 2147483647, n.I64() != -1<<63, n.U8() != 255, n.U16() != 0,
		n.U64() != 1<<64-1, n.F32() == n.F32(), n.Format() != testcapnp.Image_Format_mono8, name != "\"ö\n", !bytes.Equal(blob, []byte{0, 1, 2}),
		children.Len() != 2, children.At(1).U16() != 16, flags.Len() != 3, !flags.At(2), nested.Len() != 3, text != "x", origin.Y() != 0.1,
		n.Which() != testcapnp.Node_Which_count, n.Count() != 0, n.Shape().Which() != testcapnp.Node_shape_Which_box,
		n.Shape().Box().Width() != 2, n.Limits().Low() != -1, n.Limits().High() != 7:
		t.Error(n)
	}
	again := encode(t, c, testcapnp.Build(testcapnp.NewRootNode, func(m testcapnp.Node) error {
		if err := m.SetOrigin(origin); err != nil {
			return err
		}
		m.SetI8(-128)
		m.SetOn(false)
		m.Shape().SetBox()
		m.Shape().Box().SetHeight(3)
		return m.SetLabel("a")
	}))
	js, err := ToJSON(c.Type(), again)
	for _, part := range []string{`"y":0.1`, `"i8":-128`, `"on":false`, `"shape":{"box":{"width":0,"height":3}}`, `"label":"a"`} {
		if !strings.Contains(string(js), part) || err != nil {
			t.Errorf("no %s: %s, %v", part, js, err)
		}
	}
}

func TestFromJSON_Bad(t *testing.T) {
	typ := nodeCodec(t).Type()
	for doc, want := range map[string]string{
		`[]`:                            "an object is needed, not an array",
		`null`:                          "an object is needed, not null",
		`{} {}`:                         "bytes follow",
		`{`:                             "unexpected EOF",
		`{"nosuch":1}`:                  `has no field "nosuch"`,
		`{"u8":256}`:                    "field u8: 256 is no whole number of 8 bits without sign",
		`{"i8":-129}`:                   "field i8: -129 is no whole number",
		`{"u8":1.5}`:                    "field u8: 1.5 is no whole number",
		`{"u8":"1"}`:                    "field u8: a whole number is needed",
		`{"u8":null}`:                   "field u8: a whole number is needed, not null",
		`{"flag":1}`:                    "field flag: a bool is needed",
		`{"format":"red"}`:              `has no value "red"`,
		`{"format":65536}`:              "field format: 65536",
		`{"f32":1e300}`:                 "field f32: 1e300 is no number of 32 bits",
		`{"name":1}`:                    "field name: text is needed",
		`{"blob":"?"}`:                  "field blob: illegal base64",
		`{"blob":[256]}`:                "field blob: 256",
		`{"children":[{},null]}`:        "field children[1]: an element of a list is null",
		`{"children":[{"children":1}]}`: "field children[0].children: an array is needed",
		`{"any":{}}`:                    "field any: a value of type AnyPointer cannot be made from JSON",
		`{"none":null,"count":1}`:       `"none" and "count" are in the same union`,
		`{"limits":{"low":"x"}}`:        "field limits.low: a whole number is needed",
		`{"nothing":0}`:                 "field nothing: null is needed",
	} {
		payload, err := FromJSON(typ, []byte(doc))
		if err == nil || !strings.Contains(err.Error(), want) || payload != nil {
			t.Errorf("%s: %v", doc, err)
		}
	}
	deep := strings.Repeat(`{"next":`, 300) + "{}" + strings.Repeat("}", 300)
	if _, err := FromJSON(typ, []byte(deep)); !errors.Is(err, errDepth) {
		t.Error(err)
	}
}

// Other tools write integers of 64 bits as text and Data as numbers.
func TestFromJSON_OtherForms(t *testing.T) {
	typ := nodeCodec(t).Type()
	a, err := FromJSON(typ, []byte(`{"i64":"-5","u64":"18446744073709551615","blob":[0,255],"format":1,"numbers":["7"],"next":null}`))
	b, err2 := FromJSON(typ, []byte(`{"i64":-5,"u64":18446744073709551615,"blob":"AP8=","format":"mono8","numbers":[7]}`))
	if err := errors.Join(err, err2); err != nil || !bytes.Equal(a, b) {
		t.Errorf("%x, %x, %v", a, b, err)
	}
}

func TestFromJSON_TooLong(t *testing.T) {
	typ := declared(t, structNode(1, "Big", 65535, 65535, slotField("list", 0, 0, `"list":{"elementType":{"struct":{"typeId":1}}}`)))
	doc := `{"list":[` + strings.Repeat("{},", 200) + `{}]}`
	if _, err := FromJSON(typ, []byte(doc)); err == nil || !strings.Contains(err.Error(), "the payload would have more than") {
		t.Error(err)
	}
}

func TestToJSON_Undecodable(t *testing.T) {
	for _, typ := range []serde.Type{
		{Name: "testcapnp.capnp:Pose", Encoding: "protobuf", SchemaEncoding: Encoding, Schema: testcapnp.Schema()},
		{Name: "testcapnp.capnp:Pose", Encoding: Encoding, Schema: testcapnp.Schema()},
		{Name: "testcapnp.capnp:Pose", Encoding: Encoding, SchemaEncoding: Encoding},
	} {
		if _, err := ToJSON(typ, nil); !errors.Is(err, serde.ErrUndecodable) {
			t.Error(err)
		}
		if _, err := FromJSON(typ, []byte("{}")); !errors.Is(err, serde.ErrUndecodable) {
			t.Error(err)
		}
	}
}

// A newer publisher may have values and members that the schema lacks.
func TestToJSON_NewerPayload(t *testing.T) {
	c := nodeCodec(t)
	payload := encode(t, c, testcapnp.Build(testcapnp.NewRootNode, func(m testcapnp.Node) error {
		m.SetFormat(77)
		m.SetLabel("x")
		return nil
	}))
	s, err := ParseSchema(c.Type())
	if err != nil {
		t.Fatal(err)
	}
	at := headerSize(1) + wordSize + 2*int(s.root.which)
	binary.LittleEndian.PutUint16(payload[at:], 99)
	js, err := s.ToJSON(payload)
	if err != nil || !strings.Contains(string(js), `"format":77`) || strings.Contains(string(js), "label") {
		t.Error(string(js), err)
	}
}
