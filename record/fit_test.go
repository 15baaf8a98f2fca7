package record

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/serde"
)

func TestFitTopic(t *testing.T) {
	long := strings.Repeat("ab/", 100)
	for name, want := range map[string]string{
		"a":             "a",
		"/diag/":        "/diag",
		"//a":           "/a",
		"a//b":          "a/b",
		"":              "_",
		"/":             "/_",
		"///":           "/_",
		"what?":         "what_",
		"a/*/**":        "a/_/__",
		"bad\xff\xfe/x": "bad_/x",
		"two\nlines":    "two_lines",
		"\u0085":        "_",
		long:            long[:245] + "_49a3f0b1",
	} {
		if got := fitTopic(name); got != want {
			t.Errorf("%q becomes %q, want %q", name, got, want)
		}
	}
}

func TestFitTopic_AnyBytes(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	alphabet := []string{"/", "/", "a", "*", "?", "\xff", "\x00", "é", "漢", "\u0085", "\xe6\xbc", strings.Repeat("x", 100)}
	for range 50_000 {
		var b strings.Builder
		for range rng.IntN(12) {
			b.WriteString(alphabet[rng.IntN(len(alphabet))])
		}
		if err := registry.CheckTopic(fitTopic(b.String())); err != nil {
			t.Fatalf("%q: %v", b.String(), err)
		}
	}
}

func TestMapNames(t *testing.T) {
	long := strings.Repeat("x", 300)
	topics := []string{"/diag/", "//diag", "/diag", "what?", "what_", long + "1", long + "2", "", "_"}
	m, err := mapNames(topics, map[string]string{"/diag": "/diagnostics"}, "")
	if err != nil {
		t.Fatal(err)
	}
	played := map[string]bool{}
	for _, topic := range topics {
		name := m.names[topic]
		if registry.CheckTopic(name) != nil || played[name] {
			t.Errorf("%q is played as %q", topic, name)
		}
		played[name] = true
	}
	for topic, want := range map[string]string{"/diag": "/diagnostics", "/diag/": "/diag", "what_": "what_", "_": "_"} {
		if m.names[topic] != want {
			t.Errorf("%q is played as %q, want %q", topic, m.names[topic], want)
		}
	}
	again, err := mapNames(topics, map[string]string{"/diag": "/diagnostics"}, "")
	if err != nil || again.names["//diag"] != m.names["//diag"] {
		t.Errorf("the names change from one replay to the next: %v, %v", again.names, err)
	}
}

func TestMapNames_NothingIsMergedNorMistyped(t *testing.T) {
	for want, rename := range map[string]map[string]string{
		`topics "a" and "b" would both be played as "a"`: {"b": "a"},
		`would both be played as "new"`:                  {"a": "new", "b": "new"},
		`rename "c": there is no message`:                {"c": "d"},
	} {
		if _, err := mapNames([]string{"a", "b"}, rename, ""); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", rename, err, want)
		}
	}
	if m, err := mapNames([]string{"a", "b"}, map[string]string{"a": "b", "b": "a"}, ""); err != nil || m.names["a"] != "b" || m.names["b"] != "a" {
		t.Errorf("names are not exchanged: %v", err)
	}
}

func TestFitType(t *testing.T) {
	var changed []string
	note := func(what, _, _, _ string) { changed = append(changed, what) }
	same := serde.Type{Name: strings.Repeat("n", 1500), Encoding: "e", SchemaEncoding: "s"}
	if got := fitType(same, note); got.Name != same.Name || len(changed) != 0 {
		t.Errorf("a type that fits was changed: %v", changed)
	}
	a, b := fitType(serde.Type{Name: "T\n"}, note), fitType(serde.Type{Name: "T\r"}, note)
	if a.Name == b.Name || len(changed) != 2 {
		t.Errorf("two types became one, or %v", changed)
	}
	huge := strings.Repeat("é", 5000)
	got := fitType(serde.Type{Name: huge, Encoding: huge, SchemaEncoding: huge}, note)
	if n := len(got.Name) + len(got.Encoding) + len(got.SchemaEncoding); n > maxTypeTexts || len(changed) != 5 {
		t.Errorf("%d bytes; changed %v", n, changed)
	}
}

func TestAnnounced(t *testing.T) {
	for name, want := range map[string]string{
		"/diag/":                   "/diag/",
		`a"b\c`:                    `a"b\c`,
		"bad\xff\n":                `bad\xff\n`,
		strings.Repeat("é", 1000):  strings.Repeat("é", 223) + "…",
		strings.Repeat("\x00", 99): strings.Repeat(`\x00`, 99),
	} {
		if got := announced(name); got != want {
			t.Errorf("%.20q is announced as %q", name, got)
		}
	}
	if got := announced(strings.Repeat("\xff", 1000)); len(got) > maxOriginal || !isPlain(got) {
		t.Errorf("%d bytes", len(got))
	}
}
