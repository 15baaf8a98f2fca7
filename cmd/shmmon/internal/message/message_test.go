package message

import (
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/serde"
)

func decode(t *testing.T, encoding, payload string) ([]Field, error) {
	t.Helper()
	var d Decoder
	return d.Fields(&Message{Type: serde.Type{Name: "pkg.T", Encoding: encoding}, Payload: []byte(payload)}, "")
}

// A tree that is too long for a field has it all the same where it is asked for, once.
func TestDecoder_FieldThatIsLeftOut(t *testing.T) {
	var d Decoder
	payload := `{"points":[` + strings.Repeat("0,", 3_000) + `7],"deep":[` + strings.Repeat(`{"z":[`+strings.Repeat("1,", 40)+`2]},`, 99) + `{"z":[3]}],"name":["` + strings.Repeat(`a","`, 40) + `b"]}`
	m := &Message{Type: serde.Type{Encoding: "json"}, Payload: []byte(payload)}
	for also, want := range map[string]string{
		"points[3000]": "7", "points[500]": "0", "deep[99].z[0]": "3", "deep[50].z[40]": "2", "name[40]": `"b"`, "points[3]": "0",
		"points[3001]": "", "deep[99].z": "", "deep[99]": "", "none": "", "..": "", "points[500]\x1b": "",
	} {
		without, err := d.Fields(m, "")
		if err != nil {
			t.Fatal(err)
		}
		fields, err := d.Fields(m, also)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, f := range fields {
			if f.Path == also {
				if n++; f.Value != want || !f.Leaf || f.Numeric == strings.HasPrefix(want, `"`) {
					t.Errorf("%+v, want %s", f, want)
				}
			}
		}
		if wanted := want != ""; n > 1 || (n == 1) != wanted || len(fields) > len(without)+1 {
			t.Errorf("%s is there %d times in %d fields, of %d without it", also, n, len(fields), len(without))
		}
	}
}

func TestDecoder_TreeOfFields(t *testing.T) {
	fields, err := decode(t, "json", `{"pose":{"x":1.5,"y":-2},"ok":true,"name":"arm","points":[{"z":3},{"z":4}],"none":null,"empty":{}}`)
	if err != nil {
		t.Fatal(err)
	}
	want := []Field{
		{Path: "empty", Name: "empty", Value: "{0 fields}"},
		{Path: "name", Name: "name", Value: `"arm"`, Leaf: true},
		{Path: "none", Name: "none", Value: "null", Leaf: true},
		{Path: "ok", Name: "ok", Value: "true", Leaf: true, Numeric: true, Number: 1},
		{Path: "points", Name: "points", Value: "[2 elements]"},
		{Path: "points[0]", Name: "[0]", Depth: 1, Value: "{1 field}"},
		{Path: "points[0].z", Name: "z", Depth: 2, Value: "3", Leaf: true, Numeric: true, Number: 3},
		{Path: "points[1]", Name: "[1]", Depth: 1, Value: "{1 field}"},
		{Path: "points[1].z", Name: "z", Depth: 2, Value: "4", Leaf: true, Numeric: true, Number: 4},
		{Path: "pose", Name: "pose", Value: "{2 fields}"},
		{Path: "pose.x", Name: "x", Depth: 1, Value: "1.5", Leaf: true, Numeric: true, Number: 1.5},
		{Path: "pose.y", Name: "y", Depth: 1, Value: "-2", Leaf: true, Numeric: true, Number: -2},
	}
	for i := range want {
		want[i].Key = KeyOf(want[i].Path)
	}
	if diff := cmp.Diff(want, fields); diff != "" {
		t.Error(diff)
	}
	for _, f := range fields {
		if _, err := text.ParsePath(f.Path); err != nil {
			t.Errorf("echo --field does not take %q: %v", f.Path, err)
		}
	}
	if values := Values(fields); len(values) != 7 || values[KeyOf("pose.x")] != "1.5" {
		t.Errorf("%v", values)
	}
}

// Fields have keys of their own, whatever their names are, and the same keys in each message.
func TestDecoder_Keys(t *testing.T) {
	long := strings.Repeat("x", maxText)
	numbers := "[" + strings.Repeat("0,", 40) + "0]"
	for _, payload := range []string{
		`{"a":{"b":1},"a.b":2,"a\".\"b":3,"c":[1],"c[0]":2,"":{"":1,"x":2},"$":4,"…":5}`,
		`{"intensities":` + numbers + `,"ranges":` + numbers + `,"deep":[` + numbers + `,` + numbers + `]}`,
		`{"` + long + `y":1,"` + long + `z":2,"` + long + `":3}`,
		`[` + strings.Repeat(numbers+",", 2000) + `1]`,
		`5`,
	} {
		fields, err := decode(t, "json", payload)
		if err != nil {
			t.Fatal(err)
		}
		seen := make(map[string]Field)
		for _, f := range fields {
			if same, known := seen[f.Key]; known || f.Key == "" {
				t.Errorf("%q is the key of %+v and of %+v", f.Key, f, same)
			}
			seen[f.Key] = f
		}
		if again, _ := decode(t, "json", payload); !cmp.Equal(fields, again) {
			t.Errorf("%.100s has other keys another time", payload)
		}
	}
}

// The path of each field leads to its value, whatever the names are that it is in.
func TestDecoder_PathsAsEchoTakesThem(t *testing.T) {
	payload := `{"M":{"a.b":1,"c[0]":[2,{"":3}],"":4,"]":{"x":5}},"a.b":{"x y":6,"\u202e":7,"\"":8},"a":{"b":9},"":{"":10}}`
	fields, err := decode(t, "json", payload)
	if err != nil {
		t.Fatal(err)
	}
	leaves := 0
	for _, f := range fields {
		p, err := text.ParsePath(f.Path)
		if err != nil {
			t.Errorf("echo --field does not take %q: %v", f.Path, err)
			continue
		}
		if KeyOf(f.Path) != f.Key {
			t.Errorf("%q is of the field %q, not %q", f.Path, KeyOf(f.Path), f.Key)
		}
		if got, err := p.Find([]byte(payload)); f.Leaf && (err != nil || string(got) != f.Value) {
			t.Errorf("%q finds %s, %v, not %s", f.Path, got, err, f.Value)
		}
		if f.Leaf {
			leaves++
		}
	}
	if leaves != 10 {
		t.Errorf("%d leaves: %+v", leaves, fields)
	}
}

func TestDecoder_SingleValue(t *testing.T) {
	fields, err := decode(t, "string", "hello")
	if err != nil || len(fields) != 1 || fields[0].Value != `"hello"` || !fields[0].Leaf {
		t.Errorf("%+v, %v", fields, err)
	}
}

// Bytes that are not of their type are told from bytes that nothing can decode.
func TestDecoder_BytesOfAnotherType(t *testing.T) {
	if _, err := decode(t, "json", "{\x00"); !Lies(err) {
		t.Errorf("malformed: %v", err)
	}
	if _, err := decode(t, "raw", "abc"); err == nil || Lies(err) {
		t.Errorf("raw: %v", err)
	}
	if _, err := decode(t, "string", strings.Repeat("x", maxPayload+1)); err == nil || Lies(err) {
		t.Errorf("too large: %v", err)
	}
}

// Nothing in a tree is a command to the terminal, and no message makes a tree of any size.
func TestDecoder_HostileMessages(t *testing.T) {
	evil := `\u001b[2J\u009b\u202e\u0007`
	deep := strings.Repeat(`{"a":[`, 100) + strings.Repeat(`]}`, 100)
	wide := `{"` + strings.Repeat(`x`, 5000) + `":1` + strings.Repeat(`,"k`+evil+`":"`+evil+`"`, 1)
	for i := range 5000 {
		wide += `,"` + strings.Repeat("k", i%50) + string(rune('a'+i%26)) + text.Count(uint64(i)) + `":[1,2]`
	}
	wide += "}"
	for _, payload := range []string{`{"` + evil + `":"` + evil + `"}`, deep, wide, "[" + strings.Repeat("1,", 9999) + "1]"} {
		fields, err := decode(t, "json", payload)
		if err != nil {
			t.Errorf("%.40q: %v", payload, err)
		}
		if len(fields) > maxFields+2*maxDepth {
			t.Errorf("%d fields", len(fields))
		}
		for _, f := range fields {
			for _, s := range []string{f.Path, f.Name, f.Value} {
				if i := strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 || len(f.Name)+len(f.Value) > 8*maxText {
					t.Fatalf("%q", s)
				}
			}
		}
	}
	if fields, err := decode(t, "string", "\x1b[2J\xff"); err == nil && strings.ContainsRune(fields[0].Value, '\x1b') {
		t.Errorf("%q", fields[0].Value)
	}
}

func TestHex_Lines(t *testing.T) {
	got := Hex([]byte("shmbus\x00\x1b[2J\xff0123456789"), 80)
	want := []string{
		"00000000  73 68 6d 62 75 73 00 1b 5b 32 4a ff 30 31 32 33  shmbus..[2J.0123",
		"00000010  34 35 36 37 38 39                                456789",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, width := range []int{79, 40, 30, 20} {
		for _, l := range Hex([]byte("0123456789abcdefghij"), width) {
			if text.Width(l) > width {
				t.Errorf("%d cells of %d: %q", text.Width(l), width, l)
			}
		}
	}
	if n := len(Hex(make([]byte, MaxHex+1), 80)); n != MaxHex/16+1 {
		t.Errorf("%d lines", n)
	}
}
