package flatbuffers

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/shmbus/shmbus/internal/testfb"
	"github.com/shmbus/shmbus/serde"
)

// roundTrip returns the JSON of the payload of a document.
func roundTrip(t *testing.T, typ serde.Type, doc string) string {
	t.Helper()
	payload, err := FromJSON(typ, []byte(doc))
	if err != nil {
		t.Fatalf("%v in %s", err, doc)
	}
	js, err := ToJSON(typ, payload)
	if err != nil {
		t.Fatalf("%v in the payload of %s", err, doc)
	}
	if !json.Valid(js) {
		t.Errorf("%s is not JSON", js)
	}
	again, err := FromJSON(typ, js)
	if err != nil || !bytes.Equal(again, payload) {
		t.Errorf("%s is not encoded as %s: %v", js, doc, err)
	}
	return string(js)
}

// unionsType is the type of a message with unions.
func unionsType(t testing.TB) serde.Type {
	t.Helper()
	return serde.Type{Name: "every.thing.Unions", Encoding: Encoding, SchemaEncoding: Encoding, Schema: everySchemas(t)["every.thing.Unions"]}
}

func TestJSON_RoundTrips(t *testing.T) {
	unions := unionsType(t)
	leaf := everyNamed(t, "every.thing.Leaf")
	for _, tc := range []struct {
		typ       serde.Type
		doc, want string
	}{
		{leaf, `{}`, `{"n":-7}`},
		{leaf, `{"n":-7,"text":null}`, `{"n":-7}`},
		{leaf, ` {"n" : 2147483647 , "text": "é\u0000"} `, `{"text":"é\u0000","n":2147483647}`},
		{unions, `{}`, `{"one_type":"NONE"}`},
		{unions, `{"one_type":"NONE","many_type":[],"many":[]}`, `{"one_type":"NONE","many_type":[],"many":[]}`},
		{unions, `{"one_type":2,"one":{"a":1}}`, `{"one_type":"Pair","one":{"a":1,"b":0}}`},
		{unions, `{"one_type":"text","one":"x","many_type":["text",1,"Pair","Unions"],"many":["a",{"text":"b"},{"b":-1},{"one_type":"Leaf","one":{}}]}`,
			`{"one_type":"text","one":"x","many_type":["text","Leaf","Pair","Unions"],"many":["a",{"text":"b"},{"a":0,"b":-1},{"one_type":"Leaf","one":{}}]}`},
	} {
		if got := roundTrip(t, tc.typ, tc.doc); got != tc.want {
			t.Errorf("%s, want %s", got, tc.want)
		}
	}
	every := roundTrip(t, everyType(t), `{"f64":"NaN","f32":"-Infinity","doubles":["Infinity",0.1],"bytes":"AP8=","flags":"A B","level":3,"wide":1}`)
	for _, want := range []string{`"f64":"NaN"`, `"f32":"-Infinity"`, `"doubles":["Infinity",0.1]`, `"bytes":[0,255]`, `"flags":"A B"`, `"level":3,`, `"wide":"SMALL"`, `"opt_i":null`} {
		if !strings.Contains(every, want) {
			t.Errorf("%s lacks %s", every, want)
		}
	}
	if strings.Contains(every, "old") || strings.Contains(every, "text") {
		t.Errorf("%s has fields that are absent", every)
	}
	roundTrip(t, everyType(t), everyJSON)
}

func TestToJSON_OfTheLibrarysMessages(t *testing.T) {
	js, err := ToJSON(testType("Pose"), packed(t, "Pose", testfb.NewPose().Pack))
	const want = `{"stamp":{"sec":1700000000,"nsec":123456789},"frame_id":"map","position":{"x":1.5,"y":-2,"z":0.25},"orientation":{"x":0,"y":0,"z":0,"w":1}}`
	if err != nil || string(js) != want {
		t.Errorf("%s, %v", js, err)
	}
	if _, err := ToJSON(testType("Image"), packed(t, "Image", testfb.NewImage(64, 48).Pack)); err != nil {
		t.Error(err)
	}
	if _, err := ToJSON(testType("PointCloud"), packed(t, "PointCloud", testfb.NewPointCloud(10000).Pack)); err != nil {
		t.Error(err)
	}
	// Text of another writer that is not UTF-8, and a message without the file identifier.
	payload := packed(t, "Pose", (&testfb.NodeT{Name: "\xff"}).Pack)
	if js, err := ToJSON(testType("Node"), payload); err != nil || !strings.Contains(string(js), `"name":"�"`) {
		t.Errorf("%s, %v", js, err)
	}
}

func TestToJSON_UnknownUnionTypes(t *testing.T) {
	c, s := nodeCodec(t), nodeSchema(t)
	payload := packed(t, "Node", (&testfb.NodeT{Name: "n", Content: &testfb.ContentT{Type: testfb.ContentPose, Value: &testfb.PoseT{}}}).Pack)
	v := testfb.GetRootAsNode(payload, 0)
	for typ, want := range map[testfb.Content]string{0: `"content_type":"NONE"`, 200: `"content_type":200`} {
		if !v.MutateContentType(typ) {
			t.Fatal("not mutated")
		}
		js, err := s.ToJSON(payload)
		if err != nil || !strings.Contains(string(js), want) || strings.Contains(string(js), `"content":`) {
			t.Errorf("%s, %v", js, err)
		}
		if err := c.Verify(payload); err != nil {
			t.Error(err)
		}
	}
}

func TestFromJSON_Errors(t *testing.T) {
	every, deep := everyType(t), strings.Repeat(`{"root":`, maxDepth)
	for doc, want := range map[string]string{
		``:                             "unexpected EOF",
		`{} {}`:                        "bytes follow the value",
		`[]`:                           "the value: it is not an object",
		`{"x":1}`:                      `the value: unknown member "x"`,
		`{"leaf":{"x":1}}`:             `leaf: unknown member "x"`,
		`{"inner":{"x":1}}`:            `inner: unknown member "x"`,
		`{"i8":128}`:                   "i8: 128 does not fit byte",
		`{"u8":-1}`:                    "u8: -1 does not fit ubyte",
		`{"u8":1.5}`:                   "u8: 1.5 does not fit ubyte",
		`{"f32":1e39}`:                 "f32: 1e39 does not fit float",
		`{"f32":"1"}`:                  "f32: it is not a number",
		`{"i8":"1"}`:                   "i8: it is not a number",
		`{"b":1}`:                      "b: it is not true or false",
		`{"text":1}`:                   "text: it is not a string",
		`{"level":"MAX"}`:              `level: every.thing.Level has no value "MAX"`,
		`{"level":"LOW HIGH"}`:         `level: every.thing.Level has no value "LOW HIGH"`,
		`{"flags":""}`:                 `flags: every.thing.Flags has no value ""`,
		`{"bytes":"?"}`:                "bytes: illegal base64",
		`{"doubles":{}}`:               "doubles: it is not an array",
		`{"texts":[1]}`:                "texts[0]: it is not a string",
		`{"inners":[{"b":[]}]}`:        "inners[0].b: it is not an array of 3 elements",
		`{"any":{}}`:                   "any: the union has no type",
		`{"any_type":"Leaf"}`:          "any_type: the union has no value",
		`{"any_type":9,"any":{}}`:      "any: there is no value of type 9",
		`{"any_type":"NONE","any":{}}`: "any: there is no value of type NONE",
		deep + `{}` + strings.Repeat("}", maxDepth):       errDepth.Error(),
		`{"root":` + deep + `1` + strings.Repeat("}", 65): errDepth.Error(),
	} {
		payload, err := FromJSON(every, []byte(doc))
		if payload != nil || err == nil || !strings.HasPrefix(err.Error(), "make a payload of every.thing.Root from JSON: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", doc, err, want)
		}
	}
	if _, err := FromJSON(testType("Node"), []byte(`{}`)); !errors.Is(err, errRequired) || !strings.Contains(err.Error(), "name: ") {
		t.Error(err)
	}
}

func TestJSON_Undecodable(t *testing.T) {
	for _, typ := range []serde.Type{{}, {Encoding: Encoding}, {Encoding: Encoding, SchemaEncoding: "fbs", Schema: []byte("x")}, {Encoding: "json", SchemaEncoding: Encoding, Schema: []byte("x")}} {
		if _, err := ToJSON(typ, nil); !errors.Is(err, serde.ErrUndecodable) {
			t.Errorf("%+v: %v", typ, err)
		}
		if _, err := FromJSON(typ, nil); !errors.Is(err, serde.ErrUndecodable) {
			t.Errorf("%+v: %v", typ, err)
		}
	}
}

func TestParseSchema_Limits(t *testing.T) {
	typ := testType("Node")
	typ.Schema = append(bytes.Clone(typ.Schema), make([]byte, maxSchema)...)
	if _, err := ParseSchema(typ); err == nil || !strings.Contains(err.Error(), "more than 16777216") {
		t.Error(err)
	}
	typ.Schema = typ.Schema[:maxSchema]
	if _, err := ParseSchema(typ); err != nil {
		t.Error(err)
	}
}
