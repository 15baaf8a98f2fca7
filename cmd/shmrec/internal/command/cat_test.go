package command

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/shmbus/shmbus/record/mcapfile"
)

// catLine is a line of cat.
type catLine struct {
	Time        time.Time       `json:"time"`
	PublishTime time.Time       `json:"publish_time"`
	Topic       string          `json:"topic"`
	Type        string          `json:"type"`
	Encoding    string          `json:"encoding"`
	Publisher   string          `json:"publisher"`
	Sequence    uint64          `json:"seq"`
	Size        int             `json:"size"`
	Error       string          `json:"error"`
	Data        json.RawMessage `json:"data"`
	Base64      *string         `json:"base64"`
}

func catLines(t *testing.T, stdout string) []catLine {
	t.Helper()
	var lines []catLine
	for text := range strings.Lines(stdout) {
		var l catLine
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			t.Fatalf("%v in %q", err, text)
		}
		lines = append(lines, l)
	}
	return lines
}

// begin is when the recordings of catFile begin, in ns.
const begin = 1_700_000_000_000_000_000

// catFile writes a recording with one message of each channel, one second apart in backward order.
func catFile(t *testing.T, channels []mcapfile.Channel, payloads [][]byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "f.mcap")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := mcapfile.NewWriter(f, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range slices.Backward(channels) {
		ch, err := w.AddChannel(c)
		if err != nil {
			t.Fatal(err)
		}
		at := begin + uint64(i)*1e9
		if err := w.Write(&mcapfile.Message{Channel: ch, Sequence: uint32(i + 1), LogTime: at, PublishTime: at - 5, Data: payloads[i]}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCat_Lines(t *testing.T) {
	channels := []mcapfile.Channel{
		{Topic: "json", Encoding: "json", SchemaName: "a.B", SchemaEncoding: "jsonschema", Schema: []byte("{}")},
		{Topic: "msgpack", Encoding: "msgpack"},
		{Topic: "ros", Encoding: "cdr", SchemaName: "std_msgs/msg/String", SchemaEncoding: "ros2msg", Schema: []byte("string data")},
		{Topic: "raw", Encoding: "raw", Metadata: map[string]string{"shmbus.publisher": "1/2"}},
		{Topic: "other", Encoding: "ros1"},
		{Topic: "damaged", Encoding: "cbor"},
		{Topic: "text\x1b[2J", Encoding: "string"},
	}
	payloads := [][]byte{[]byte("{\"b\": 1,\n\"a\":[ 2]}"), {0x92, 1, 0xc4, 1, 5}, []byte("\x00\x01\x00\x00\x03\x00\x00\x00hi\x00"), {1, 2, 3}, {4}, {0x61}, []byte("\x1b[2J\u202e\u009b\n")}
	code, stdout, stderr := run(t, "cat", catFile(t, channels, payloads))
	if code != 3 || !strings.Contains(stderr, `2 messages not decoded: topic "other", sequence 5: convert a payload of encoding "ros1"`) {
		t.Errorf("exit code %d, %s", code, stderr)
	}
	for _, r := range stdout {
		if r != '\n' && !unicode.IsPrint(r) {
			t.Fatalf("%q is printed in %q", r, stdout)
		}
	}
	want := []string{
		`json a.B json {"a":[2],"b":1} <nil> ""`,
		`msgpack  msgpack [1,"BQ=="] <nil> ""`,
		`ros std_msgs/msg/String cdr {"data":"hi"} <nil> ""`,
		`raw  raw  AQID ""`,
		`other  ros1  BA== "convert a payload of encoding \"ros1\": the encoding cannot be decoded without its type"`,
		`damaged  cbor  YQ== "decode cbor: offset 0: unexpected EOF"`,
		"text\x1b[2J  string \"\\u001b[2J\\u202e\\u009b\\n\" <nil> \"\"",
	}
	lines := catLines(t, stdout)
	if len(lines) != len(want) {
		t.Fatalf("%d lines: %s", len(lines), stdout)
	}
	for i, l := range lines {
		text := "<nil>"
		if l.Base64 != nil {
			text = *l.Base64
		}
		if got := fmt.Sprintf("%s %s %s %s %s %q", l.Topic, l.Type, l.Encoding, l.Data, text, l.Error); got != want[i] {
			t.Errorf("line %d is\n%s, want\n%s", i, got, want[i])
		}
		at := time.Unix(0, begin).Add(time.Duration(i) * time.Second)
		if !l.Time.Equal(at) || !l.PublishTime.Equal(at.Add(-5)) || l.Sequence != uint64(i+1) || l.Size != len(payloads[i]) {
			t.Errorf("line %d: %+v", i, l)
		}
	}
	if lines[3].Publisher != "1/2" {
		t.Errorf("publisher %q", lines[3].Publisher)
	}
}

func TestCat_Choice(t *testing.T) {
	var channels []mcapfile.Channel
	for i := range 6 {
		channels = append(channels, mcapfile.Channel{Topic: fmt.Sprint("t", i), Encoding: "json"})
	}
	path := catFile(t, channels, [][]byte{[]byte("0"), []byte("1"), []byte("2"), []byte("3"), []byte("4"), []byte("5")})
	at := func(i int) string {
		return time.Unix(0, begin).Add(time.Duration(i) * time.Second).UTC().Format(time.RFC3339Nano)
	}
	for _, c := range []struct{ args, want string }{
		{"", "012345"},
		{"--topics t[135]", "135"},
		{"--exclude t[135]", "024"},
		{"--topics [1-4] --exclude 3", "124"},
		{"--start 2s", "2345"},
		{"--start 2s --end 4s", "23"},
		{"--start 1999ms --end 4001ms", "234"},
		{"--topics [3-5] --start 1s", "45"}, // since the first message of these
		{"--start " + at(4), "45"},
		{"--start " + at(1) + " --end " + at(3), "12"},
		{"--end 2s", "01"},
		{"-n 2", "01"},
		{"--start 2s --count 2", "23"},
		{"--topics t0 --start 3s", ""}, // there are others
		{"--json", "012345"},
	} {
		code, stdout, stderr := run(t, append([]string{"cat", path}, strings.Fields(c.args)...)...)
		got := ""
		for _, l := range catLines(t, stdout) {
			got += string(l.Data)
		}
		if code != 0 || got != c.want || stderr != "" {
			t.Errorf("%q prints %q, want %q (%d, %s)", c.args, got, c.want, code, stderr)
		}
	}
	if code, stdout, stderr := run(t, "cat", path, "--topics", "nothing"); code != 1 || stdout != "" || !strings.Contains(stderr, `has "t0", `) {
		t.Errorf("a choice of nothing ends with %d: %s", code, stderr)
	}
	for args, want := range map[string]string{"--start 1h": "ends before the start", "--end 2006-01-02T15:04:05Z": "begins after the end", "--start 3s --end 2s": "the end must be after the start"} {
		if code, stdout, stderr := run(t, append([]string{"cat", path}, strings.Fields(args)...)...); code != 1 || stdout != "" || !strings.Contains(stderr, want) {
			t.Errorf("%q, outside of the recording, ends with %d: %s", args, code, stderr)
		}
	}
	for _, args := range []string{"--start soon", "--end 0s", "--end -1s", "--start 2006-01-02", "--count -1", "--topics [", "--memory 5"} {
		if code, stdout, stderr := run(t, append([]string{"cat", path}, strings.Fields(args)...)...); code != 2 || stdout != "" || stderr == "" {
			t.Errorf("%q ends with %d: %s", args, code, stderr)
		}
	}
}

func TestCat_Fields(t *testing.T) {
	channels := []mcapfile.Channel{
		{Topic: "a", Encoding: "json"}, {Topic: "b", Encoding: "msgpack"}, {Topic: "c\x1b", Encoding: "json"}, {Topic: "d", Encoding: "raw"},
	}
	payloads := [][]byte{[]byte(`{"p":{"x":1.5},"s":"a \"b\",\u001b\n"}`), {0x81, 0xa1, 'p', 0x81, 0xa1, 'x', 0x91, 2}, []byte(`{"s":null}`), {1}}
	path := catFile(t, channels, payloads)
	code, stdout, stderr := run(t, "cat", path, "--csv", "--field", "p.x", "--field", "s")
	const want = `time,publish_time,topic,seq,p.x,s
2023-11-14T22:13:20Z,2023-11-14T22:13:19.999999995Z,a,1,1.5,"a ""b"",\x1b\n"
2023-11-14T22:13:21Z,2023-11-14T22:13:20.999999995Z,b,2,[2],
2023-11-14T22:13:22Z,2023-11-14T22:13:21.999999995Z,c\x1b,3,,null
2023-11-14T22:13:23Z,2023-11-14T22:13:22.999999995Z,d,4,,
`
	if code != 0 || stdout != want || stderr != "" {
		t.Errorf("%d, %s, %s", code, stdout, stderr)
	}
	code, stdout, stderr = run(t, "cat", path, "--field", "p.x", "--field", "s", "--field", "none")
	if code != 3 || !strings.Contains(stderr, "no message that was printed has a field none") {
		t.Errorf("%d, %s", code, stderr)
	}
	var data []string
	for _, l := range catLines(t, stdout) {
		data = append(data, string(l.Data))
	}
	if got := fmt.Sprint(data); got != `[{"p.x":1.5,"s":"a \"b\",\u001b\n","none":null} {"p.x":[2],"s":null,"none":null} {"p.x":null,"s":null,"none":null} ]` {
		t.Error(got)
	}
	for _, args := range []string{"--csv", "--csv --json --field a", "--field a..b"} {
		if code, stdout, stderr := run(t, append([]string{"cat", path}, strings.Fields(args)...)...); code != 2 || stdout != "" || stderr == "" {
			t.Errorf("%q ends with %d: %s", args, code, stderr)
		}
	}
}

func TestCat_Damage(t *testing.T) {
	path := catFile(t, []mcapfile.Channel{{Topic: "a", Encoding: "json"}}, [][]byte{[]byte("1")})
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, info.Size()-8); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := run(t, "cat", path)
	if code != 3 || len(catLines(t, stdout)) != 1 || !strings.Contains(stderr, "the recording was not closed") {
		t.Errorf("%d, %s, %s", code, stdout, stderr)
	}
	if code, stdout, stderr = run(t, "cat", "cat_test.go"); code != 1 || stdout != "" || !strings.Contains(stderr, "not an MCAP file") {
		t.Errorf("%d, %s, %s", code, stdout, stderr)
	}
}

// Decoding takes many times the memory of a payload, so that large payloads are not decoded.
func TestCat_LargePayloads(t *testing.T) {
	text := []byte(`"` + strings.Repeat("a", 6<<20) + `"`)
	path := catFile(t, []mcapfile.Channel{{Topic: "a", Encoding: "json"}, {Topic: "b", Encoding: "raw"}}, [][]byte{text, text})
	if code, stdout, stderr := run(t, "cat", path); code != 0 || len(catLines(t, stdout)[0].Data) != len(text) {
		t.Errorf("%d, %s", code, stderr)
	}
	code, stdout, stderr := run(t, "cat", path, "--memory", "80MiB")
	if code != 3 || !strings.Contains(stderr, "1 message not decoded") {
		t.Errorf("%d, %s", code, stderr)
	}
	for i, l := range catLines(t, stdout) {
		if l.Base64 == nil || *l.Base64 != base64.StdEncoding.EncodeToString(text) || (l.Error != "") != (i == 0) {
			t.Errorf("%s: %s", l.Topic, l.Error)
		}
	}
	if code, _, stderr := run(t, "cat", path, "--memory", "10MiB"); code != 3 || !strings.Contains(stderr, "allow more (--memory)") {
		t.Errorf("%d, %s", code, stderr)
	}
}
