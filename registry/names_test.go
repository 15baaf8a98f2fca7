package registry

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestCheckTopic(t *testing.T) {
	long := strings.Repeat("a", MaxName)
	for name, ok := range map[string]bool{
		"a": true, "/a": true, "a/b": true, "/a/b/c": true, "rücken/größe": true, "with space": true, "a.b-c_d": true, long: true,
		"": false, "/": false, "//": false, "a/": false, "/a/": false, "a//b": false, "//a": false, long + "a": false,
		"*": false, "**": false, "a/*": false, "a*": false, "a?": false, "a\x00": false, "a\n": false, "a\x7f": false,
		"a\u0085": false, "\xff": false, "a/\xc3": false,
	} {
		err := CheckTopic(name)
		if (err == nil) != ok {
			t.Errorf("CheckTopic(%q) = %v", name, err)
		}
		if err != nil && !errors.As(err, new(*NameError)) {
			t.Errorf("CheckTopic(%q) is a %T", name, err)
		}
		if (CheckPattern(name) == nil) != ok && !strings.Contains(name, "*") {
			t.Errorf("CheckPattern(%q) = %v", name, CheckPattern(name))
		}
	}
}

func TestCheckPattern(t *testing.T) {
	for p, ok := range map[string]bool{
		"*": true, "**": true, "/*": true, "/**": true, "a/*": true, "a/**/b": true, "**/**": true, "*/*": true,
		"a*": false, "***": false, "a/*b": false, "a/**b": false, "?": false, "a//*": false, "*/": false, "": false,
	} {
		if err := CheckPattern(p); (err == nil) != ok {
			t.Errorf("CheckPattern(%q) = %v", p, err)
		}
	}
}

func TestMatchPattern(t *testing.T) {
	for _, tc := range []struct {
		pattern string
		yes, no string // topics, separated by spaces
	}{
		{"a/b", "a/b", "a /a/b a/b/c a/c b"},
		{"*", "a robot", "/a a/b"},
		{"/*", "/a", "a /a/b"},
		{"**", "a /a a/b /a/b/c", ""},
		{"/**", "/a /a/b", "a a/b"},
		{"robot/*/pose", "robot/1/pose", "robot/pose robot/1/2/pose /robot/1/pose robot/1/poses"},
		{"robot/**", "robot robot/1 robot/1/pose", "robots robots/1 /robot/1"},
		{"**/pose", "pose a/pose a/b/pose", "/pose /a/pose a/pose/b"},
		{"a/**/b/**/c", "a/b/c a/x/b/c a/b/x/c a/x/b/y/b/z/c", "a/c a/b b/c a/x/c"},
		{"**/a/*/b", "a/x/b a/a/x/b a/a/a/b", "a/b a/x/y/b"},
		{"*/**", "a a/b a/b/c", "/a"},
	} {
		for topic := range strings.FieldsSeq(tc.yes) {
			if !MatchPattern(tc.pattern, topic) {
				t.Errorf("%q does not match %q", tc.pattern, topic)
			}
		}
		for topic := range strings.FieldsSeq(tc.no) {
			if MatchPattern(tc.pattern, topic) {
				t.Errorf("%q matches %q", tc.pattern, topic)
			}
		}
	}
}

func TestInterested_AnyPattern(t *testing.T) {
	sub := Endpoint{Kind: KindSubscription, Patterns: []string{"a/*", "b/**"}}
	for topic, want := range map[string]bool{"a/x": true, "b": true, "b/x/y": true, "a": false, "c": false} {
		if Interested(sub, topic) != want {
			t.Errorf("interested in %q: %v", topic, !want)
		}
	}
}

func TestMatchPattern_NoAllocation(t *testing.T) {
	if n := testing.AllocsPerRun(10, func() { MatchPattern("a/**/b/*/c", "a/x/y/b/z/c") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// naiveMatch is the definition of a pattern, without regard to speed.
func naiveMatch(pattern, topic string) bool {
	if first, _, _ := strings.Cut(pattern, "/"); strings.HasPrefix(topic, "$") && (first == "*" || first == "**") {
		return false
	}
	if pattern == "**" {
		return true
	}
	p, absolute := strings.CutPrefix(pattern, "/")
	t, rooted := strings.CutPrefix(topic, "/")
	return absolute == rooted && naiveSegments(strings.Split(p, "/"), strings.Split(t, "/"))
}

func naiveSegments(p, t []string) bool {
	switch {
	case len(p) == 0:
		return len(t) == 0
	case p[0] == "**":
		for n := range len(t) + 1 {
			if naiveSegments(p[1:], t[n:]) {
				return true
			}
		}
		return false
	case len(t) == 0:
		return false
	}
	return (p[0] == "*" || p[0] == t[0]) && naiveSegments(p[1:], t[1:])
}

func FuzzMatchPattern(f *testing.F) {
	f.Add("a/**/b", "a/x/b")
	f.Add("/**/*", "/a")
	f.Add("**/**/a", "b/a")
	f.Add("*", "$")
	f.Add("**", "$a/b")
	f.Add("$a/**", "$a/b")
	f.Fuzz(func(t *testing.T, pattern, topic string) {
		if strings.Count(pattern, "**") > 4 || len(topic) > 64 {
			t.Skip("too slow for the reference")
		}
		if got, want := MatchPattern(pattern, topic), naiveMatch(pattern, topic); got != want {
			t.Fatalf("MatchPattern(%q, %q) = %v, want %v", pattern, topic, got, want)
		}
		for _, name := range []string{pattern, topic} {
			if CheckTopic(name) == nil && (CheckPattern(name) != nil || !utf8.ValidString(name) || !MatchPattern(name, name)) {
				t.Fatalf("%q is a topic name and not a pattern that matches itself", name)
			}
		}
	})
}

func TestFileName_Foreign(t *testing.T) {
	const id = "0123456789abcdef"
	for name, ok := range map[string]bool{
		id + ".participant": true, id + ".reader": true, id + ".pub.0": true, id + ".pub.123": true, id + ".schema.7": true,
		id + ".control.0": true, id + ".control": false, id + ".control.": false, id + ".control.x": false, id + ".control.0.1": false,
		"registry": false, "": false, id: false, id + ".": false, id + ".pub": false, id + ".pub.": false, id + ".pub.x": false,
		id + ".pub.1.2": false, id + ".pub.-1": false, id + ".participant.bak": false, id + ".reader.1": false, id + ".other": false,
		id[1:] + ".reader": false, id + "0.reader": false, "0123456789ABCDEF.reader": false, "0123456789abcdeg.reader": false,
		"../" + id[3:] + ".reader": false, id + ".pub.1/x": false, "." + id + ".reader": false, id + ".schema.٣": false,
	} {
		gotID, suffix, got := parseFileName(name)
		if got != ok {
			t.Errorf("%q: %v", name, got)
		}
		if got && gotID.String()+"."+suffix != name {
			t.Errorf("%q is taken for %v and %q", name, gotID, suffix)
		}
	}
}

func TestID_Text(t *testing.T) {
	id, err := ParseID("00000000000000ff")
	if err != nil || id != 255 || id.String() != "00000000000000ff" {
		t.Errorf("%v, %v", id, err)
	}
	if _, err := ParseID("ff"); err == nil {
		t.Error("a short id was taken")
	}
	if got := (EndpointID{255, 3}).String(); got != "00000000000000ff.3" {
		t.Error(got)
	}
	if got, _ := id.MarshalText(); string(got) != id.String() {
		t.Errorf("as text: %s", got)
	}
}
