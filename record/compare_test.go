package record

import (
	"strings"
	"testing"
	"time"
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
