package text

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

func TestPath_Find(t *testing.T) {
	const doc = `{"pose":{"x":1.5,"ü y":[10,[20,{"z":"Infinity"}]]},"n":null,"list":[],"":{"a.b":1,"c[0]":[2],"":3,"\u202e\"]":4}}`
	for path, want := range map[string]string{
		"pose.x": "1.5", "pose": `{"x":1.5,"ü y":[10,[20,{"z":"Infinity"}]]}`, "pose.ü y[0]": "10", "pose.ü y[1][1].z": `"Infinity"`, "n": "null",
		`[""]["a.b"]`: "1", `[""]["c[0]"][0]`: "2", `[""][""]`: "3", `[""]["\u202e\"]"]`: "4", `["pose"].x`: "1.5", `pose["x"]`: "1.5", `["list"]`: "[]",
		`[""]["a"]`:   `no field [""]["a"]: there is no "a" but ["" "a.b" "c[0]" "\u202e\"]"]`,
		`list[""]`:    `no field list[""]: what should have "" is no object`,
		`[""][0]`:     `no field [""][0]: what should have an index is no array`,
		"pose.y":      `no field pose.y: there is no "y" but ["x" "ü y"]`,
		"pose.x.y":    `no field pose.x.y: what should have "y" is no object`,
		"n.x":         `no field n.x: what should have "x" is no object`,
		"pose[0]":     "no field pose[0]: what should have an index is no array",
		"n[0]":        "no field n[0]: what should have an index is no array",
		"list[0]":     "no field list[0]: the array has 0 elements",
		"pose.ü y[2]": "no field pose.ü y[2]: the array has 2 elements",
	} {
		p, err := ParsePath(path)
		if err != nil || p.String() != path {
			t.Errorf("%q: %v", path, err)
		}
		got, err := p.Find([]byte(doc))
		if err != nil {
			got = []byte(err.Error())
		}
		if string(got) != want {
			t.Errorf("%q finds %s, want %s", path, got, want)
		}
	}
	p, err := ParsePath("[1].a")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := p.Find([]byte(`[0,{"a":"b"}]`)); err != nil || string(got) != `"b"` {
		t.Errorf("%s, %v", got, err)
	}
	many := "{" + strings.TrimSuffix(strings.Repeat(`"`+strings.Repeat("k", 500)+`":0,`, 1)+`"a":0,"b":0,"c":0,"d":0,"e":0,"f":0,"g":0,"h":0,"i":0,"j":0,"l":0,`, ",") + "}"
	if _, err := p.Find([]byte("[0," + many + "]")); err != nil {
		t.Error(err)
	}
	if p, err = ParsePath("missing"); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Find([]byte(many)); err == nil || !strings.HasSuffix(err.Error(), `"j"], ...`) {
		t.Error(err)
	}
}

// A path finds in a generic value what it finds in JSON.
func TestPath_In(t *testing.T) {
	v := map[string]any{"pose": map[string]any{"x": 1.5, "": 2, "y.z": 3}, "": 1, "list": []any{10, []any{20, map[string]any{"z": "a"}}}}
	for path, want := range map[string]any{
		"pose.x": 1.5, "list[0]": 10, "list[1][1].z": "a", "pose.y": nil, "pose[0]": nil, "list[2]": nil, "list.x": nil, "pose.x.y": nil, "list[0][0]": nil,
		`pose[""]`: 2, `[""]`: 1, `pose["y.z"]`: 3, `list[""]`: nil,
	} {
		p, err := ParsePath(path)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := p.In(v); got != want || ok != (want != nil) {
			t.Errorf("%q finds %v %v, want %v", path, got, ok, want)
		}
	}
}

// Whatever the names of members are, their path leads to them, and can be shown on a terminal.
func TestMember_AnyName(t *testing.T) {
	names := []string{"x", "", ".", "a.b", "[0]", "a[0]", "]", `"`, `a"b`, `\`, "`", "'", "ü y", "\x1b[2J", "\u202e", "\u3164", "\ufffd", "\n", " ", "\U000e0001"}
	path, doc := "", "7"
	for _, name := range names {
		path = Member(path, name)
	}
	for _, name := range slices.Backward(names) {
		js, err := json.Marshal(map[string]json.RawMessage{name: json.RawMessage(doc)})
		if err != nil {
			t.Fatal(err)
		}
		doc = string(js)
	}
	p, err := ParsePath(path)
	if err != nil || Escape(path) != path {
		t.Fatalf("%s: %v", path, err)
	}
	if got, err := p.Find([]byte(doc)); string(got) != "7" || err != nil {
		t.Errorf("%s finds %s, %v", path, got, err)
	}
	if want := `x[""]["."]["a.b"]["[0]"]["a[0]"]["]"]`; !strings.HasPrefix(path, want) || Member("a", "b") != "a.b" {
		t.Errorf("%s, want %s", path, want)
	}
}

func TestParsePath_Refusals(t *testing.T) {
	for _, path := range []string{"", ".", "a.", ".a", "a..b", "a[", "a[]", "a[x]", "a[-1]", "a[1", "a[1]b", "a.[1]", "a[99999999999]",
		`a["b]`, `a["b"`, `a["b"]c`, `a.["b"]`, `a['b']`, "a[`b`]", `a["\q"]`, `a["b"x]`, "a[\"\n\"]", "a]["} {
		if p, err := ParsePath(path); err == nil {
			t.Errorf("%q is %+v", path, p)
		}
	}
}
