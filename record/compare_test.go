package record

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/shmbus/shmbus/record/mcapfile"
)

func TestCompare(t *testing.T) {
	for name, c := range map[string]struct {
		a, b []spec
		want string // the first difference
	}{
		"the same":            {[]spec{{0, 1, 0, "x"}, {1, 2, 0, "y"}}, []spec{{0, 1, 0, "x"}, {1, 2, 0, "y"}}, ""},
		"nothing":             {nil, nil, ""},
		"other times":         {[]spec{{0, 1, 0, "x"}, {1, 2, 0, "y"}}, []spec{{0, 100, 0, "x"}, {1, 150, 0, "y"}}, ""},
		"other bytes":         {[]spec{{0, 1, 0, "x"}, {0, 2, 0, "y"}}, []spec{{0, 1, 0, "x"}, {0, 2, 0, "zz"}}, `topic "a": message 2 differs: sequence 2 with 1 bytes in the first recording, sequence 2 with 2 bytes`},
		"a message less":      {[]spec{{0, 1, 0, "x"}, {0, 2, 0, "y"}}, []spec{{0, 1, 0, "x"}}, `topic "a": 2 messages in the first recording, 1 in the second`},
		"a message more":      {[]spec{{0, 1, 0, "x"}}, []spec{{0, 1, 0, "x"}, {0, 2, 0, "y"}}, `topic "a": 1 messages in the first recording, 2 in the second`},
		"a topic less":        {[]spec{{0, 1, 0, "x"}, {1, 2, 0, "y"}}, []spec{{0, 1, 0, "x"}}, `topic "b": 1 publishers with 1 messages in the first recording, 0 with 0 in the second`},
		"a topic more":        {[]spec{{0, 1, 0, "x"}}, []spec{{0, 1, 0, "x"}, {1, 2, 0, "y"}}, `topic "b": 0 publishers with 0 messages in the first recording, 1 with 1 in the second`},
		"swapped":             {[]spec{{0, 1, 0, "x"}, {0, 2, 0, "y"}}, []spec{{0, 1, 0, "y"}, {0, 2, 0, "x"}}, `topic "a": message 1 differs`},
		"another encoding":    {[]spec{{0, 1, 0, "x"}}, []spec{{3, 1, 0, "x"}}, `topic "a": "T" as "json" in the first recording, "T" as "cbor" in the second`},
		"another schema":      {[]spec{{0, 1, 0, "x"}}, []spec{{4, 1, 0, "x"}}, `topic "a": the schemas of "T" differ: 0 bytes of "", and 2 bytes of "jsonschema"`},
		"two publishers":      {[]spec{{0, 1, 0, "x"}, {2, 2, 0, "y"}}, []spec{{2, 1, 0, "x"}, {0, 2, 0, "y"}}, ""},
		"one instead of two":  {[]spec{{0, 1, 0, "x"}, {2, 2, 0, "y"}}, []spec{{0, 1, 0, "x"}, {0, 2, 0, "y"}}, `topic "a": 2 publishers with 2 messages in the first recording, 1 with 2`},
		"topics swapped":      {[]spec{{0, 1, 0, "x"}, {1, 2, 0, "y"}}, []spec{{1, 1, 0, "y"}, {0, 2, 0, "x"}}, `message 1 of the first recording, on "a", comes before one on "b"`},
		"of the same time":    {[]spec{{0, 1, 0, "x"}, {1, 1, 0, "y"}}, []spec{{1, 1, 0, "y"}, {0, 2, 0, "x"}}, ""},
		"taken in turn":       {[]spec{{0, 1, 0, "x"}, {1, 2, 0, "y"}}, []spec{{1, 5, 2, "y"}, {0, 6, 1, "x"}}, ""},
		"file order is moot":  {[]spec{{0, 1, 0, "x"}, {0, 2, 0, "y"}}, []spec{{0, 2, 0, "y"}, {0, 1, 0, "x"}}, ""},
		"log times are equal": {[]spec{{0, 1, 0, "x"}, {0, 1, 0, "y"}}, []spec{{0, 1, 0, "y"}, {0, 1, 0, "x"}}, `topic "a": message 1 differs`},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := Compare(file(t, c.a...), file(t, c.b...))
			if err != nil {
				t.Fatal(err)
			}
			if d.Equal != (c.want == "") || !strings.HasPrefix(d.First, c.want) || d.Equal != (d.First == "") {
				t.Errorf("equal %v, %q; want %q", d.Equal, d.First, c.want)
			}
			if d.Messages != uint64(len(c.a)) {
				t.Errorf("%d messages, want %d", d.Messages, len(c.a))
			}
			for _, topic := range d.Topics {
				if !topic.Equal && d.Equal {
					t.Errorf("%s differs and the recordings do not", topic.Topic)
				}
			}
		})
	}
}

// A file of another tool may lack publish times, and have channels without messages.
func TestCompare_ForeignFiles(t *testing.T) {
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	foreign := func(publish uint64, order []string, silent ...mcapfile.Channel) string {
		var b bytes.Buffer
		w, err := mcapfile.NewRewriter(&b, &mcapfile.RewriterOptions{})
		check(err)
		for _, c := range silent {
			_, err := w.Channel(&c)
			check(err)
		}
		for i, topic := range order {
			ch, err := w.Channel(&mcapfile.Channel{Topic: topic, Encoding: "json"})
			check(err)
			check(w.Write(&mcapfile.Message{Channel: ch, LogTime: uint64(i+1) * second, PublishTime: publish * uint64(i+1), Data: []byte("{}")}))
		}
		check(w.Close())
		path := filepath.Join(t.TempDir(), "f.mcap")
		check(os.WriteFile(path, b.Bytes(), 0o600))
		return path
	}
	c, other := mcapfile.Channel{Topic: "c", Encoding: "json", SchemaName: "T1"}, mcapfile.Channel{Topic: "c", Encoding: "cbor", SchemaName: "T2"}
	again, d := c, mcapfile.Channel{Topic: "d", Encoding: "json"}
	again.Metadata = map[string]string{"x": "y"}
	ab, ba := []string{"a", "b"}, []string{"b", "a"}
	for name, x := range map[string]struct{ a, b, want string }{
		"inverted":                        {foreign(0, ab), foreign(0, ba), "message 1 of the first recording"},
		"inverted, with times":            {foreign(1, ab), foreign(1, ba), "message 1 of the first recording"},
		"the same":                        {foreign(0, ab), foreign(0, ab), ""},
		"silent":                          {foreign(0, ab, c), foreign(0, ab, c), ""},
		"silent, of another type":         {foreign(0, ab, c), foreign(0, ab, other), `topic "c": "T1" as "json" in the first recording, "T2" as "cbor" in the second`},
		"silent, twice":                   {foreign(0, ab, c), foreign(0, ab, c, again), ""},
		"silent, of two types":            {foreign(0, ab, c), foreign(0, ab, c, other), `topic "c": `},
		"silent, one only, as in replays": {foreign(0, ab, c, d), foreign(0, ab, c), ""},
	} {
		if d, err := Compare(x.a, x.b); err != nil || d.Equal != (x.want == "") || !strings.HasPrefix(d.First, x.want) {
			t.Errorf("%s: %q, %v; want %q", name, d.First, err, x.want)
		}
	}
}

func TestCompare_Spacing(t *testing.T) {
	a := file(t, spec{0, 0, 0, "x"}, spec{0, second, 0, "y"}, spec{0, 2 * second, 0, "z"})
	b := file(t, spec{0, 0, 0, "x"}, spec{0, second + 1000, 0, "y"}, spec{0, 2 * second, 0, "z"})
	d, err := Compare(a, b)
	if err != nil {
		t.Fatal(err)
	}
	topic := d.Topics[0]
	for _, got := range []time.Duration{topic.SpacingP50, topic.SpacingMax, d.Spacing.P99, d.Spacing.Max} {
		if got < 990 || got > 1010 {
			t.Errorf("%v, want 1 µs: %+v", got, d)
		}
	}
}

func TestCompare_RecordingNotClosed(t *testing.T) {
	messages := []spec{{0, 1, 0, "x"}}
	a, b := file(t, messages...), cut(t, file(t, messages...), 8)
	for _, pair := range [][2]string{{a, b}, {b, a}, {b, b}} {
		d, err := Compare(pair[0], pair[1])
		if err != nil || d.Equal || !strings.Contains(d.First, "was not closed") {
			t.Errorf("%+v, %v", d, err)
		}
		if len(d.Topics) != 1 || !d.Topics[0].Equal {
			t.Errorf("what can be read is the same: %+v", d.Topics)
		}
	}
}

func TestCompare_NeedsTwoRecordings(t *testing.T) {
	if _, err := Compare(file(t), "missing.mcap"); err == nil || !strings.Contains(err.Error(), "missing.mcap") {
		t.Errorf("got %v", err)
	}
}
