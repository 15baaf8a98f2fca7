package command

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/shmbus/shmbus/cmd/internal/cli"
	"github.com/shmbus/shmbus/serde"
)

func TestEcho_ExitCode(t *testing.T) {
	for name, c := range map[string]struct {
		fields   string
		payloads []string
		lost     uint64
		want     string
	}{
		"all there":            {"a b", []string{`{"a":1,"b":2}`}, 0, ""},
		"in some message":      {"a b", []string{`{"a":1}`, `{"b":null}`}, 0, ""},
		"names with points":    {`M["a.b"] M[""] M["c[0]"][1]`, []string{`{"M":{"a.b":1,"c[0]":[1,2],"":1}}`}, 0, ""},
		"lost":                 {"a", []string{`{"a":1}`}, 2, "lost 2 messages"},
		"missing":              {"b", []string{`{"a":1}`, `{"c":1}`}, 0, `has a field b: there is no "b" but ["a"]`},
		"lost and missing":     {"a b.c", []string{`{"a":1,"b":5}`}, 1, `lost 1 message; no message that was printed has a field b.c: what should have "c" is no object`},
		"nothing was decoded":  {"a", []string{"raw"}, 0, "has a field a: none was decoded"},
		"raw and unknown":      {"", []string{"raw", "ros1"}, 0, ""},
		"not decoded":          {"", []string{"cbor", "1", "cbor"}, 0, "2 messages not decoded: decode cbor: offset 0: "},
		"without its schema":   {"", []string{"protobuf"}, 0, `1 message not decoded:  in encoding "protobuf" has no schema`},
		"lost and not decoded": {"", []string{"cbor"}, 1, "lost 1 message; 1 message not decoded: "},
		"nothing was printed":  {"a", nil, 0, ""},
	} {
		fields, err := parseFields(strings.Fields(c.fields))
		if err != nil {
			t.Fatal(err)
		}
		a := app{App: &cli.App{}, fields: fields}
		end := ending{lost: c.lost, printed: uint64(len(c.payloads))}
		for _, p := range c.payloads {
			kind := serde.Type{Encoding: "json"}
			if !json.Valid([]byte(p)) { // an encoding, of which this is no payload
				kind.Encoding, p = p, "\xff"
			}
			a.show(kind, []byte(p), false)
		}
		switch err := a.incomplete(end); {
		case (err == nil) != (c.want == ""):
			t.Errorf("%s: %v", name, err)
		case err != nil && !strings.Contains(err.Error(), c.want):
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}

// Several long fields together are about as short as one.
func TestEcho_LongFields(t *testing.T) {
	fields, err := parseFields([]string{"b", "c", "a"})
	if err != nil {
		t.Fatal(err)
	}
	a := app{fields: fields}
	payload := []byte(`{"a":[` + strings.Repeat("0.25,", 999) + `1],"b":"` + strings.Repeat("x", 5000) + `"}`)
	kind := serde.Type{Encoding: "json"}
	short, full := a.show(kind, payload, false), a.show(kind, payload, true)
	cells := strings.Split(short, "\t")
	if len(cells) != 3 || cells[1] != "-" || len(short) > longText+80 ||
		!strings.Contains(cells[0], "x\"… 4900 more") || !strings.Contains(cells[2], "… 984 more] (") || !strings.Contains(short, "--full shows all") {
		t.Errorf("%q", short)
	}
	if len(full) < 9000 || strings.Contains(full, "more") {
		t.Errorf("%d bytes in full", len(full))
	}
}
