package mcapjs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/serde/cdr"
)

// ros2Answer is what Foxglove's libraries make of a message.
type ros2Answer struct {
	Message json.RawMessage `json:"message"`
	Rest    bool            `json:"rest"` // bytes follow the message
	Written []byte          `json:"written"`
}

type ros2Message struct {
	schema  string
	payload []byte
}

func (m ros2Message) typ() serde.Type {
	return serde.Type{Name: "test_msgs/msg/Root", Encoding: cdr.Encoding, SchemaEncoding: cdr.SchemaEncoding, Schema: []byte(m.schema)}
}

// readByFoxglove gives messages to the JavaScript side.
func readByFoxglove(t *testing.T, messages ...ros2Message) []ros2Answer {
	t.Helper()
	var in bytes.Buffer
	for _, m := range messages {
		if err := json.NewEncoder(&in).Encode(map[string]any{"schema": m.schema, "payload": m.payload}); err != nil {
			t.Fatal(err)
		}
	}
	answers := runFoxglove(t, &in)
	if len(answers) != len(messages) {
		t.Fatalf("%d answers to %d messages", len(answers), len(messages))
	}
	return answers
}

// runFoxglove runs the JavaScript side.
func runFoxglove(t *testing.T, in io.Reader, args ...string) []ros2Answer {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		missing(t, "install Node.js (20 or newer) and run `npm ci` in integration/mcapjs to run this test")
	}
	if _, err := os.Stat("node_modules/@foxglove/rosmsg2-serialization"); err != nil {
		missing(t, "run `npm ci` in integration/mcapjs to run this test")
	}
	var out, stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), node, append([]string{"ros2.mjs"}, args...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, &out, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	var answers []ros2Answer
	for line := range strings.Lines(out.String()) {
		var a ros2Answer
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		answers = append(answers, a)
	}
	return answers
}

const (
	ros2Separator = "================================================================================\n"
	ros2Nested    = ros2Separator + "MSG: test_msgs/Inner\nuint8 a\nfloat64 b\nstring c\nPoint[] points\n" +
		ros2Separator + "MSG: test_msgs/Point\nfloat32 x\nfloat32 y\n" + ros2Separator + "MSG: test_msgs/Nothing\nint8 CONSTANT=5\n" +
		ros2Separator + "MSG: builtin_interfaces/Time\nint32 sec\nuint32 nanosec\n"
)

// Values of each type, in JSON.
var ros2Values = map[string][]string{
	"bool": {"true", "false"}, "byte": {"255", "0"}, "char": {"120", "255"}, "int8": {"-128", "127"}, "uint8": {"255", "1"},
	"int16": {"-32768", "32767"}, "uint16": {"65535", "2"}, "int32": {"-2147483648", "2147483647"}, "uint32": {"4294967295", "3"},
	"int64": {"-9223372036854775808", "9223372036854775807"}, "uint64": {"18446744073709551615", "4"},
	"float32": {"1.5", `"-Infinity"`}, "float64": {"-2.25e300", `"NaN"`}, "string": {`"text"`, `""`},
	"builtin_interfaces/Time": {`{"sec":-5,"nanosec":999999999}`, `{"sec":1700000000,"nanosec":0}`},
	"Inner":                   {`{"a":1,"b":2.5,"c":"three","points":[{"x":4,"y":5}]}`, `{"a":6,"b":0,"c":"","points":[]}`},
	"Nothing":                 {"{}", "{}"},
}

func TestROS2_EveryTypeReadAndWrittenByFoxglove(t *testing.T) {
	var messages []ros2Message
	for typ, values := range ros2Values {
		// Each field stands behind a byte, so that padding is needed.
		m := ros2Message{schema: fmt.Sprintf("uint8 p0\n%[1]s one\nuint8 p1\n%[1]s[2] pair\nuint8 p2\n%[1]s[] list\nuint8 p3\n%[1]s[<=3] bounded\nuint8 p4\n%[1]s[] none\nuint8 end\n",
			typ) + ros2Nested}
		doc := fmt.Sprintf(`{"p0":1,"one":%[1]s,"p1":2,"pair":[%[1]s,%[2]s],"p2":3,"list":[%[2]s,%[1]s,%[2]s],"p3":4,"bounded":[%[1]s],"end":5}`, values[0], values[1])
		var err error
		if m.payload, err = cdr.FromJSON(m.typ(), []byte(doc)); err != nil {
			t.Fatalf("%s: %v", typ, err)
		}
		messages = append(messages, m)
	}
	for i, a := range readByFoxglove(t, messages...) {
		m := messages[i]
		again, err := cdr.FromJSON(m.typ(), a.Message)
		if err != nil || !bytes.Equal(again, m.payload) || a.Rest {
			t.Errorf("%s\nread as %s (rest %v, %v)", m.schema, a.Message, a.Rest, err)
		}
		if !bytes.Equal(a.Written, m.payload) {
			t.Errorf("%s\nwritten as %x, want %x", m.schema, a.Written, m.payload)
		}
	}
}

type ros2Point struct{ X, Y float32 }

type ros2Inner struct {
	A      uint8
	B      float64
	C      string
	Points []ros2Point
}

type ros2Root struct {
	Stamp   time.Time
	On      bool
	I8      int8
	U16     uint16
	I32     int32
	U64     uint64
	F32     float32
	F64     float64
	Name    string
	Raw     []byte
	Matrix  [9]float64
	Inner   ros2Inner
	Inners  []ros2Inner
	Points  [2]ros2Point
	Nothing struct{}
	Names   []string
	Bools   []bool
	Ranges  []float32
	Longs   []int64
	Last    uint8
}

const ros2RootSchema = `builtin_interfaces/Time stamp
bool on
int8 i8
uint16 u16
int32 i32
uint64 u64
float32 f32
float64 f64
string name
uint8[] raw
float64[9] matrix
Inner inner
Inner[] inners
Point[2] points
Nothing nothing
string[] names
bool[] bools
float32[] ranges
int64[] longs
uint8 last
` + ros2Nested

func TestROS2_GoStructReadAndWrittenByFoxglove(t *testing.T) {
	codec, err := cdr.Codec[ros2Root]("test_msgs/msg/Root", ros2RootSchema)
	if err != nil {
		t.Fatal(err)
	}
	full := ros2Root{
		Stamp: time.Unix(1700000000, 123456789).UTC(), On: true, I8: -8, U16: 65535, I32: -32, U64: 1 << 63, F32: 0.5, F64: 1e-300, Name: "name",
		Raw: []byte{0, 1, 255}, Matrix: [9]float64{1, 2, 3, 4, 5, 6, 7, 8, 9}, Inner: ros2Inner{1, 2, "3", []ros2Point{{4, 5}, {6, 7}}},
		Inners: []ros2Inner{{8, 9, "", nil}, {10, 11, "twelve", []ros2Point{{13, 14}}}}, Points: [2]ros2Point{{1, 2}, {3, 4}}, Names: []string{"a", "", "bc"},
		Bools: []bool{true, false, true}, Ranges: []float32{1, 2.5, -3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, Longs: []int64{-1}, Last: 9,
	}
	other := full
	other.Name = "läß 日本 🤖" // read only: the library cannot write it
	values := []ros2Root{full, {}, other}
	var messages []ros2Message
	for _, v := range values {
		payload, err := codec.Encoder().Append(nil, v)
		if err != nil {
			t.Fatal(err)
		}
		messages = append(messages, ros2Message{ros2RootSchema, payload})
	}
	for i, a := range readByFoxglove(t, messages...) {
		again, err := cdr.FromJSON(messages[i].typ(), a.Message)
		if err != nil || !bytes.Equal(again, messages[i].payload) || a.Rest {
			t.Errorf("%d: read as %s (rest %v, %v)", i, a.Message, a.Rest, err)
		}
		if i == 2 {
			continue
		}
		var got ros2Root
		if err := codec.Decoder().Decode(a.Written, &got); err != nil {
			t.Error(err)
		}
		if d := cmp.Diff(values[i], got); d != "" {
			t.Errorf("%d: written and decoded: %s", i, d)
		}
	}
}
