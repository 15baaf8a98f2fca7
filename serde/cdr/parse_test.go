package cdr

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/foxglove/mcap/go/mcap"
	"github.com/google/go-cmp/cmp"

	"github.com/shmbus/shmbus/serde"
)

func TestParseSchema_Fields(t *testing.T) {
	s, err := parseSchema("a/msg/B", "\r\n# nothing\n string<=9[<=2]\tnames ['x, \"y\"', \"it's # 1\"] # two\nint32 N=0x10\nstring S='#'\n"+
		"float32[2] pair [1.5, -2]\nbool on True\nuint8 hex 0x1F\nHeader header\ntime at\nC c\n"+headerDef+separator+"MSG: prefix/a/msg/C\nduration d\n")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range s.root.fields {
		of := ""
		if f.message != nil {
			of = f.message.name
		}
		got = append(got, fmt.Sprintf("%d %s %s %d %d %v %s", f.line, f.name, f.typ, f.count, f.textBound, f.standard, of))
	}
	want := []string{
		`3 names string<=9[<=2] 2 9 [x, "y" it's # 1] `, "6 pair float32[2] 2 -1 [1.5 -2] ", "7 on bool -1 -1 true ", "8 hex uint8 -1 -1 31 ",
		"9 header Header -1 -1 <nil> std_msgs/Header", "10 at time -1 -1 <nil> builtin_interfaces/Time", "11 c C -1 -1 <nil> a/C",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if s.types["a/C"].fields[0].message.name != durationName {
		t.Errorf("%+v", s.types["a/C"].fields[0])
	}
}

// nested is a schema in which types nest n deep.
func nested(n int) string {
	text := "T1 f\n"
	for i := 1; i < n; i++ {
		text += fmt.Sprintf("%sMSG: a/T%d\nT%d f\n", separator, i, i+1)
	}
	return text + fmt.Sprintf("%sMSG: a/T%d\nint8 f\n", separator, n)
}

func hostileSchemas() map[string]struct{ text, want string } {
	return map[string]struct{ text, want string }{
		"unknown type":      {"int32 a\nOther b", "line 2: field b of a/B: type Other is not defined"},
		"itself":            {"B b", "line 1: field b of a/B: type B contains itself"},
		"itself in array":   {"int8 x\nC[] c\n" + separator + "MSG: a/C\nB[] b", "line 5: field b of a/C: type B contains itself"},
		"too deep":          {nested(MaxDepth), "nest deeper than 64"},
		"twice":             {"int32 a\nint32 a", "line 2: field a is there twice"},
		"defined twice":     {"int8 a\n" + separator + "MSG: a/C\nint8 a\n" + separator + "MSG: c/a/msg/C\nint16 a", "line 6: type a/C is defined differently in line 3"},
		"ambiguous":         {"C c\n" + separator + "MSG: x/C\nint8 a\n" + separator + "MSG: y/C\nint8 a", "defined by 2 packages"},
		"no header":         {"int8 a\n" + separator + "int8 b", "line 3: a line"},
		"no separator":      {"int8 a\nMSG: a/C", "line 2: a line"},
		"ends":              {"int8 a\n" + separator, "ends after a line of ="},
		"header name":       {separator + "MSG: a b", `"a b" is no name of a type`},
		"name":              {"int32 9a", `"9a" is no name of a field`},
		"no name":           {"int32", "no name of a field"},
		"name and more":     {"int32 a-b", "no name of a field"},
		"type name":         {"int32* a", `"int32*" is no name of a type`},
		"long name":         {"int32 " + strings.Repeat("a", 256), "no name of a field"},
		"open array":        {"int32[3 a", "has no ] at its end"},
		"empty array":       {"int32[0] a", `"0" is no length from 1 to`},
		"huge array":        {"int32[99999999999] a", "is no length from 1 to"},
		"large array":       {"float64[268435456][2] a", "is no length"},
		"large message":     {"float64[268435456] a\nfloat64[268435456] b", "more than 2 GiB"},
		"bound of a number": {"int32<=5 a", "only strings have a bound"},
		"bound":             {"string<=x a", "is no length"},
		"constant overflow": {"int8 A=128", `line 1: value "128" of A is no int8: 128 is no whole number of 8 bits`},
		"constant type":     {"C A=1\n", "which is neither number, bool nor string"},
		"constant bool":     {"bool A=maybe", "is no bool"},
		"default overflow":  {"uint8 a -1", "is no uint8"},
		"default bound":     {"string<=2 a 'abc'", "exceeds the bound"},
		"default array":     {"int8[3] a [1, 2]", "a has 2 values, type int8[3]"},
		"default brackets":  {"int8[3] a 1", "is not in brackets"},
		"default message":   {"C c 1", "has a default value"},
		"IDL":               {"int8 a\n" + separator + "IDL: a/C\nmodule a {};", "line 3: a line"},
		"too long":          {strings.Repeat("#", MaxSchema+1), "more than 1048576"},
		"many types":        {"int8 a\n" + manyTypes(maxTypes), "more than 2000 types"},
		"many fields":       {manyFields(maxFields/10 + 1), "more than 2000 fields"},
	}
}

func manyTypes(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "===\nMSG: a/T%d\n", i)
	}
	return b.String()
}

func manyFields(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "int8 f%d\n", i)
	}
	return b.String()
}

func TestParseSchema_Hostile(t *testing.T) {
	for name, tc := range hostileSchemas() {
		_, err := parseSchema("a/msg/B", tc.text)
		var de *DefinitionError
		if !errors.As(err, &de) || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %s", name, err, tc.want)
		}
	}
	if _, err := parseSchema("a/msg/B", nested(MaxDepth-1)); err != nil {
		t.Error(err)
	}
	if _, err := parseSchema("", "int8 a"); err == nil {
		t.Error("a type without a name was parsed")
	}
}

func TestFromJSON_Defaults(t *testing.T) {
	typ := serde.Type{Name: "a/msg/B", Encoding: Encoding, SchemaEncoding: SchemaEncoding,
		Schema: []byte("int32 a 5\nstring b 'x'\nuint8[2] c [1, 2]\nfloat64 d\nC e\nbool[] f\nint16[2] g\n" + separator + "MSG: a/C\nuint64 h 18446744073709551615\n")}
	payload, err := FromJSON(typ, []byte(`{"d":"-Infinity"}`))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := ToJSON(typ, payload)
	want := `{"a":5,"b":"x","c":"AQI=","d":"-Infinity","e":{"h":18446744073709551615},"f":[],"g":[0,0]}`
	if err != nil || string(doc) != want {
		t.Errorf("%s, %v, want %s", doc, err, want)
	}
	for in, want := range map[string]string{
		`[]`:              "a/B is an object, not an array",
		`null`:            "a/B is an object, not null",
		`{"x":1}`:         `a/B has no field "x"`,
		`{"a":1.5}`:       "a: 1.5 is no whole number of 32 bits",
		`{"a":null}`:      "a: int32 is not null",
		`{"b":5}`:         "b: a string is needed, not number 5",
		`{"c":[1]}`:       "c: uint8[2] has 2 elements, not 1",
		`{"c":"AQ=="}`:    "c: uint8[2] has 2 elements, not 1",
		`{"c":"*"}`:       "c: illegal base64",
		`{"c":[1,300]}`:   "c[1]: 300 is no whole number of 8 bits without sign",
		`{"d":"nan"}`:     `d: a number is needed, not "nan"`,
		`{"d":1e999}`:     "d: 1e999 is no number of 64 bits",
		`{"e":{"h":-1}}`:  "e.h: -1 is no whole number",
		`{"f":[true,0]}`:  "f[1]: a bool is needed, not number 0",
		`{"f":[null]}`:    "f[0]: an element is not null",
		`{"a":1} 2`:       "bytes follow the value",
		`{"a":`:           "unexpected EOF",
		`{"e":[{"h":1}]}`: "e: a/C is an object, not an array",
		`{"f":true}`:      "f: bool[] is an array, not true",
	} {
		if _, err := FromJSON(typ, []byte(in)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", in, err, want)
		}
	}
	if _, err := FromJSON(serde.Type{Name: "a/B", Encoding: "cbor"}, nil); !errors.Is(err, serde.ErrUndecodable) {
		t.Error(err)
	}
	if _, err := ToJSON(serde.Type{Name: "a/B", Encoding: Encoding, SchemaEncoding: "ros2idl"}, nil); !errors.Is(err, serde.ErrUndecodable) {
		t.Error(err)
	}
	big := serde.Type{Name: "a/B", Encoding: Encoding, SchemaEncoding: SchemaEncoding, Schema: []byte("int8 a\nC[2] c\n" + separator + "MSG: a/C\nint64[67108864] d")}
	if _, err := FromJSON(big, []byte("{}")); !errors.Is(err, errTooLong) {
		t.Error(err)
	}
}

// Recordings of ROS 2 that other projects made have to be shown.
func TestToJSON_OtherRecordings(t *testing.T) {
	files, _ := filepath.Glob("../../../shared/data/*.mcap")
	if len(files) == 0 && os.Getenv("CI") != "" {
		t.Fatal("../shared/data, beside the checkout, holds no recordings")
	}
	if len(files) == 0 {
		t.Skip("put MCAP files of ROS 2 into ../shared/data, beside the checkout, to run this test")
	}
	shown := 0
	for _, name := range files {
		shown += showAll(t, name)
	}
	if shown == 0 {
		t.Error("no message was shown")
	}
}

func showAll(t *testing.T, name string) (shown int) {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := mcap.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	messages, err := r.Messages()
	if err != nil {
		t.Fatal(err)
	}
	for {
		schema, channel, message, err := messages.NextInto(nil)
		if errors.Is(err, io.EOF) {
			return shown
		}
		if err != nil {
			t.Fatal(err)
		}
		if schema == nil || channel.MessageEncoding != Encoding || schema.Encoding != SchemaEncoding || len(schema.Data) == 0 {
			continue
		}
		typ := serde.Type{Name: schema.Name, Encoding: Encoding, SchemaEncoding: SchemaEncoding, Schema: schema.Data}
		doc, err := ToJSON(typ, message.Data)
		if err != nil {
			t.Errorf("%s: %v", filepath.Base(name), err)
			continue
		}
		again, err := FromJSON(typ, doc)
		if err != nil || !json.Valid(doc) {
			t.Errorf("%s: %s: %v", filepath.Base(name), doc, err)
		} else if got, err := ToJSON(typ, again); err != nil || string(got) != string(doc) {
			t.Errorf("%s: %s became %s (%v)", filepath.Base(name), doc, got, err)
		}
		shown++
	}
}
