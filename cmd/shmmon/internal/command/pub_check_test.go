package command

import (
	"context"
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
	for name, tc := range map[string]struct {
		kind serde.Type
		js   string
		want string // empty: it fits
	}{
		"fits":              {c.Type(), `{"name":"a","points":[{"x":1,"y":2}],"end":null,"other":1}`, ""},
		"wrong kind":        {c.Type(), `{"name":"a","points":[{"x":1},{"x":"1"}],"end":null}`, "field points.1.x: got string, want number; --unchecked"},
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
		"long":              {schema(`{"enum":["` + strings.Repeat("x", 1000) + `"]}`), `1`, "xxx; --unchecked"},
	} {
		err := checkJSON(context.Background(), tc.kind, []byte(tc.js))
		if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want) || len(err.Error()) > 500) {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
	}
}
