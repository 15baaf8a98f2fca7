package flatbuffers

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/shmbus/shmbus/internal/testfb"
	"github.com/shmbus/shmbus/serde"
)

// everyType is the type of a message with fields of all kinds.
func everyType(t testing.TB) serde.Type { return everyNamed(t, "every.thing.Root") }

func everyNamed(t testing.TB, name string) serde.Type {
	t.Helper()
	schema, err := os.ReadFile("testdata/every.bfbs")
	if err != nil {
		t.Fatal(err)
	}
	return serde.Type{Name: name, Encoding: Encoding, SchemaEncoding: Encoding, Schema: schema}
}

func testType(name string) serde.Type {
	return serde.Type{Name: "testfb." + name, Encoding: Encoding, SchemaEncoding: Encoding, Schema: testfb.Schema()}
}

// everyJSON sets all fields of a message.
const everyJSON = `{"b":false,"i8":-128,"u8":0,"i16":-32768,"u16":1,"i32":2147483647,"u32":0,"i64":9007199254740993,"u64":9007199254740993,
	"f32":0.25,"f64":1e300,"level":"LOW","wide":"HUGE","flags":"A C","opt_b":false,"opt_i":0,"opt_f":-0.5,"opt_level":"MIDDLE",
	"text":"a\"\\\n\t\u0001é😀","inner":{"a":255,"b":[-1,0,1],"level":"HIGH"},
	"outer":{"on":true,"inner":[{"a":1,"b":[1,2,3],"level":"LOW"},{"a":2,"b":[4,5,6],"level":"HIGH"}],"one":{"a":3,"b":[7,8,9],"level":"MIDDLE"},"big":0.125},
	"leaf":{"text":"","n":0},"any_type":"Root","any":{"any_type":"Leaf","any":{"n":8}},
	"bools":[true,false],"bytes":[0,255],"signed":[-128,127],"shorts":[-32768,32767],"longs":[0,18446744073709551615],
	"doubles":[0.1,-2.5],"levels":["LOW","HIGH",5],"flag_list":["A","B C"],"texts":["","x"],
	"inners":[{"a":255,"b":[-1,0,1],"level":"HIGH"}],
	"outers":[{"on":true,"inner":[{"a":1,"b":[1,2,3],"level":"LOW"},{"a":2,"b":[4,5,6],"level":"HIGH"}],"one":{"a":3,"b":[7,8,9],"level":"MIDDLE"},"big":0.125}],
	"leaves":[{"text":"one"},{"n":5},{}],
	"root":{"opt_i":-1}}`

// sameJSON compares two documents. flatc prints few digits of floating-point numbers.
func sameJSON(t *testing.T, ours, theirs []byte) {
	t.Helper()
	parse := func(js []byte) (v any) {
		dec := json.NewDecoder(bytes.NewReader(js))
		dec.UseNumber()
		if err := dec.Decode(&v); err != nil {
			t.Fatalf("%v in %s", err, js)
		}
		return v
	}
	near := cmp.FilterValues(func(a, b json.Number) bool {
		return strings.ContainsAny(string(a+b), ".eE")
	}, cmp.Comparer(func(a, b json.Number) bool {
		x, errX := a.Float64()
		y, errY := b.Float64()
		return errX == nil && errY == nil && cmp.Equal(x, y, cmpopts.EquateApprox(1e-6, math.SmallestNonzeroFloat64))
	}))
	if d := cmp.Diff(parse(theirs), parse(ours), near); d != "" {
		t.Errorf("flatc's JSON (-) is not ours (+): %s", d)
	}
}

// flatc runs flatc in a temporary folder.
func flatc(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command("flatc", args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("flatc %v: %v\n%s", args, err, out)
	}
}

func needFlatc(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("flatc"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("install flatc (Debian's flatbuffers-compiler) to run this test")
		}
		t.Skip("install flatc (Debian's flatbuffers-compiler) to run this test")
	}
}

// byFlatc returns the JSON that flatc makes of a payload.
func byFlatc(t *testing.T, schema, root string, payload []byte) []byte {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "m.bin"), payload, 0o600); err != nil {
		t.Fatal(err)
	}
	path, err := filepath.Abs(schema)
	if err != nil {
		t.Fatal(err)
	}
	flatc(t, dir, "--json", "--strict-json", "--defaults-json", "--raw-binary", "--root-type", root, path, "--", "m.bin")
	js, err := os.ReadFile(filepath.Join(dir, "m.json"))
	if err != nil {
		t.Fatal(err)
	}
	return js
}

func TestToJSON_AgreesWithFlatc(t *testing.T) {
	needFlatc(t)
	node := packed(t, "Node", testfb.NewNode().Pack)
	for _, payload := range [][]byte{node, packed(t, "Node", (&testfb.NodeT{Name: "n"}).Pack)} {
		ours, err := ToJSON(testType("Node"), payload)
		if err != nil {
			t.Fatal(err)
		}
		sameJSON(t, ours, byFlatc(t, "../../internal/testfb/testfb.fbs", "testfb.Node", payload))
	}
	for _, js := range []string{everyJSON, `{}`, `{"any_type":"Leaf","any":{},"leaf":{},"root":{"root":{}}}`} {
		payload, err := FromJSON(everyType(t), []byte(js))
		if err != nil {
			t.Fatal(err)
		}
		ours, err := ToJSON(everyType(t), payload)
		if err != nil {
			t.Fatal(err)
		}
		sameJSON(t, ours, byFlatc(t, "testdata/every.fbs", "every.thing.Root", payload))
	}
}

func TestFromJSON_AgreesWithFlatc(t *testing.T) {
	needFlatc(t)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "m.json"), []byte(everyJSON), 0o600); err != nil {
		t.Fatal(err)
	}
	path, err := filepath.Abs("testdata/every.fbs")
	if err != nil {
		t.Fatal(err)
	}
	flatc(t, dir, "--binary", path, "m.json")
	theirs, err := os.ReadFile(filepath.Join(dir, "m.bin"))
	if err != nil {
		t.Fatal(err)
	}
	ours, err := FromJSON(everyType(t), []byte(everyJSON))
	if err != nil {
		t.Fatal(err)
	}
	a, err := ToJSON(everyType(t), ours)
	if err != nil {
		t.Fatal(err)
	}
	b, err := ToJSON(everyType(t), theirs)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(b), string(a)); d != "" {
		t.Errorf("flatc's payload (-) is not ours (+): %s", d)
	}
}
