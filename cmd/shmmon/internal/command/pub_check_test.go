package command

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/serde/jsonschema"
)

func TestCheckJSON(t *testing.T) {
	type point struct {
		X float64 `json:"x"`
		Y float64 `json:"y,omitempty"`
	}
	type path struct {
		Name   string  `json:"name" jsonschema:"enum=a,enum=b"`
		Points []point `json:"points"`
		End    *point  `json:"end"`
	}
	c, err := jsonschema.Codec(serde.JSON[path]())
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "a.json")
	if err := os.WriteFile(file, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	schema := func(s string) serde.Type {
		return serde.Type{Name: "nav.Path", Encoding: "cbor", SchemaEncoding: "jsonschema", Schema: []byte(s)}
	}
	var many strings.Builder
	many.WriteString(`{"properties":{"f00":{}`)
	for i := 1; i < 30; i++ {
		fmt.Fprintf(&many, `,"f%02d":{}`, i)
	}
	many.WriteString("}}")
	for name, tc := range map[string]struct {
		kind serde.Type
		js   string
		want string // empty: it fits
	}{
		"fits":              {c.Type(), `{"name":"a","points":[{"x":1,"y":2}],"end":null}`, ""},
		"unknown field":     {c.Type(), `{"nam":"a","points":[],"end":null}`, `there is no field "nam"; there is name`},
		"unknown below":     {c.Type(), `{"name":"a","points":[{"x":1},{"x":1,"z":2}],"end":null}`, `there is no field "points.1.z"; there is x, y`},
		"unlike all":        {c.Type(), `{"name":"a","points":[],"end":{"x":1,"speed":2}}`, `there is no field "end.speed"; there are x, y`},
		"many fields":       {schema(many.String()), `{"velocity":1}`, "; there are f00, f01, f02, f03, f04, f05, f06, f07, f08, f09 and 20 more"},
		"no fields":         {schema(`{"type":"object","properties":{}}`), `{"x":1}`, `there is no field "x"; it has none`},
		"any fields":        {schema(`{"type":"object"}`), `{"x":1}`, ""},
		"a map":             {schema(`{"properties":{"x":{}},"additionalProperties":{"properties":{"y":{}}}}`), `{"a":{"y":1}}`, ""},
		"field of a map":    {schema(`{"properties":{"x":{}},"additionalProperties":{"properties":{"y":{}}}}`), `{"a":{"yy":1}}`, `no field "a.yy"; there is y`},
		"open object":       {schema(`{"properties":{"x":{}},"additionalProperties":true}`), `{"z":1}`, ""},
		"closed object":     {schema(`{"properties":{"x":{}},"additionalProperties":false}`), `{"z":1}`, `there is no field "z"`},
		"pattern":           {schema(`{"patternProperties":{"^a":{}}}`), `{"ab":1}`, ""},
		"of no pattern":     {schema(`{"patternProperties":{"^a":{}}}`), `{"b":1}`, `there is no field "b"`},
		"all of two":        {schema(`{"allOf":[{"properties":{"x":{}}},{"properties":{"y":{}}}]}`), `{"x":1,"y":1}`, ""},
		"none of two":       {schema(`{"allOf":[{"properties":{"x":{}}},{"properties":{"y":{}}}]}`), `{"x":1,"z":1}`, `there is no field "z"; there is x, y`},
		"any of two":        {schema(`{"anyOf":[{"properties":{"x":{}}},{"type":"null"}]}`), `{"z":1}`, `there is no field "z"`},
		"or anything":       {schema(`{"anyOf":[{"properties":{"x":{}}},{}]}`), `{"z":1}`, ""},
		"or a list":         {schema(`{"oneOf":[{"properties":{"x":{}}},{"type":"array"}]}`), `{"z":1}`, `there is no field "z"`},
		"recursive":         {schema(`{"properties":{"next":{"anyOf":[{"$ref":"#"},{"type":"null"}]}}}`), `{"next":{"next":{"nxt":1}}}`, `no field "next.next.nxt"; there is next`},
		"first elements":    {schema(`{"prefixItems":[{"properties":{"x":{}}}],"items":{"properties":{"y":{}}}}`), `[{"x":1},{"x":1}]`, `no field "1.x"; there is y`},
		"wrong kind":        {c.Type(), `{"name":"a","points":[{"x":1},{"x":"1"}],"end":null}`, "field points.1.x: got string, want number"},
		"missing":           {c.Type(), `{"name":"a","points":[{}],"end":null}`, "field points.0: missing property 'x'"},
		"not the message":   {c.Type(), `[1]`, `"command.path": got array, want object`},
		"none of an enum":   {c.Type(), `{"name":"c","points":null,"end":null}`, "field name: value must be one of 'a', 'b'"},
		"below a pointer":   {c.Type(), `{"name":"a","points":null,"end":{"x":true}}`, "field end.x: got boolean, want number"},
		"no schema":         {serde.Type{Encoding: "json"}, `1`, ""},
		"other schema":      {serde.Type{Encoding: "json", SchemaEncoding: "x", Schema: []byte("x")}, `1`, ""},
		"no JSON":           {schema(`{`), `1`, `the JSON Schema of "nav.Path" cannot be used: `},
		"bad keyword":       {schema(`{"type":1}`), `1`, "cannot be used: "},
		"file":              {schema(`{"$ref":"file://` + file + `"}`), `1`, "cannot be used: "},
		"page":              {schema(`{"$ref":"http://localhost/a"}`), `1`, "cannot be used: "},
		"relative":          {schema(`{"$ref":"a.json"}`), `1`, "cannot be used: "},
		"endless reference": {schema(`{"$ref":"#"}`), `1`, "does not fit"},
		"control character": {schema(`{"enum":["\u001b[2J"]}`), `1`, `\x1b[2J`},
		"long":              {schema(`{"enum":["` + strings.Repeat("x", 1000) + `"]}`), `1`, "xxx"},
	} {
		err := checkJSON(context.Background(), tc.kind, []byte(tc.js))
		if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want) || len(err.Error()) > 500) {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
	}
}

func TestIsUnchecked(t *testing.T) {
	for js, want := range map[string]bool{`{"a":1}`: true, `[{},{"a":1}]`: true, `{}`: false, `[{},"{a"]`: false, `1`: false} {
		if isUnchecked(serde.Type{Encoding: "msgpack"}, []byte(js)) != want {
			t.Errorf("%s: %v", js, !want)
		}
	}
	for _, kind := range []serde.Type{{Encoding: "json", SchemaEncoding: "jsonschema"}, {Encoding: "protobuf"}} {
		if isUnchecked(kind, []byte(`{"a":1}`)) {
			t.Errorf("%+v", kind)
		}
	}
}
