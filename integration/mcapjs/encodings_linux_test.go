package mcapjs

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/shmbus/shmbus/record"
	"github.com/shmbus/shmbus/serde/dynamic"
	"github.com/shmbus/shmbus/topic"
)

// An encodingRow says what a recording has of an encoding.
type encodingRow struct {
	schemaEncoding string
	decoded        bool // encodings.mjs has a decoder
}

// The names of encodings and schema encodings are those of MCAP's registry, except for raw, string and plain, which are of shmbus only.
var encodingRows = map[string]encodingRow{
	"raw":        {},
	"string":     {decoded: true},
	"json":       {"jsonschema", true},
	"cbor":       {"jsonschema", true},
	"msgpack":    {"jsonschema", true},
	"protobuf":   {"protobuf", true},
	"cdr":        {"ros2msg", true},
	"plain":      {schemaEncoding: "shmbus-plain"},
	"flatbuffer": {schemaEncoding: "flatbuffer"},
	"capnproto":  {schemaEncoding: "capnproto"},
}

// encodingAnswer is what the JavaScript side says of a message.
type encodingAnswer struct {
	Topic          string          `json:"topic"`
	Encoding       string          `json:"encoding"`
	Type           string          `json:"type"`
	SchemaEncoding string          `json:"schemaEncoding"`
	Message        json.RawMessage `json:"message"`
	Valid          *bool           `json:"valid"`
	Refuses        *bool           `json:"refuses"`
	Errors         json.RawMessage `json:"errors"`
}

// The sample publishes a pose, an image and a point cloud in every encoding. The recording of them is read, and its messages
// are decoded by the schemas in it, with the libraries of others.
func TestRecordingOfAllEncodings_ReadByOthers(t *testing.T) {
	program := filepath.Join(t.TempDir(), "encodings")
	if out, err := exec.Command("go", "build", "-o", program, "../../samples/encodings").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	list, err := exec.Command(program, "-list").Output()
	if err != nil {
		t.Fatal(err)
	}
	path := recorded(t, func(ctx context.Context, p *topic.Participant) {
		cmd := exec.CommandContext(ctx, program, "-count", "2")
		cmd.Env = append(os.Environ(), "SHMBUS_DIR="+filepath.Dir(p.Dir()), "SHMBUS_DOMAIN="+filepath.Base(p.Dir()))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	})
	answers := readByOthers(t, path)
	counts := map[string]int{}
	n := 0
	_, err = record.Read(t.Context(), path, nil, func(m *record.Message) error {
		if n == len(answers) {
			t.Fatalf("only %d messages are read", n)
		}
		a := answers[n]
		n++
		counts[a.Encoding]++
		row, known := encodingRows[a.Encoding]
		if a.Topic != m.Topic || a.Encoding != m.Type.Encoding || a.Type != m.Type.Name || !known || a.SchemaEncoding != row.schemaEncoding {
			t.Errorf("%s: %s of %s with schema %q, want %+v", a.Topic, a.Type, a.Encoding, a.SchemaEncoding, row)
		}
		if (a.SchemaEncoding == "jsonschema") != (a.Valid != nil && *a.Valid && *a.Refuses) {
			t.Errorf("%s: %s is not valid, or everything is: %s", a.Topic, a.Type, a.Errors)
		}
		if row.decoded {
			sameMessage(t, &a, m)
		} else if a.Message != nil {
			t.Errorf("%s is decoded", a.Topic)
		}
		return nil
	})
	if err != nil || n != len(answers) {
		t.Fatalf("%d of %d messages: %v", n, len(answers), err)
	}
	for _, name := range strings.Fields(string(list)) {
		if counts[name] != 2*3 {
			t.Errorf("%d messages of %s", counts[name], name)
		}
	}
}

func readByOthers(t *testing.T, path string) (answers []encodingAnswer) {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		missing(t, "install Node.js (20 or newer) and run `npm ci` in integration/mcapjs to run this test")
	}
	if _, err := os.Stat("node_modules/cbor2"); err != nil {
		missing(t, "run `npm ci` in integration/mcapjs to run this test")
	}
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), node, "encodings.mjs", path)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	for line := range strings.Lines(stdout.String()) {
		var a encodingAnswer
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			t.Fatalf("%v in %.300s", err, line)
		}
		answers = append(answers, a)
	}
	return answers
}

// sameMessage compares a message with what package dynamic makes of it. JavaScript has numbers of 64 bits in floating point.
func sameMessage(t *testing.T, a *encodingAnswer, m *record.Message) {
	t.Helper()
	js, err := dynamic.ToJSON(m.Type, m.Payload)
	if err != nil {
		t.Fatal(err)
	}
	var got, want any
	if err := json.Unmarshal(a.Message, &got); err != nil {
		t.Fatalf("%s: %v", a.Topic, err)
	}
	if err := json.Unmarshal(js, &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(nearly)); diff != "" {
		t.Errorf("%s: %.2000s", a.Topic, diff)
	}
}

// nearly compares numbers of 32 bits, which have fewer digits in the JSON of shmbus than in that of JavaScript.
func nearly(a, b float64) bool { return float32(a) == float32(b) }
