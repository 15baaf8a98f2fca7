package text

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"unicode"
)

var hostile = []string{
	"\x1b[2J\x1b]0;owned\a", "a\nb\rc\td", "\x00\x7f\u0085\u009b31m", "\xff\xfe\x80", "right\u202eleft\u200b\u2066x", "\U000e0041tag",
	"\u2028\u2029", strings.Repeat("漢", 40), "e\u0301\u0301\u0301\u0301", "", "plain/name", "\uFFFD",
	"a\u3164b\u115f\uffa0\u034f\ufe0f\u180b\U000e0100",
}

func printable(s string) bool {
	for _, r := range s {
		if !unicode.IsPrint(r) || strings.ContainsRune("\u034f\u115f\u3164\uffa0\ufe0f\u180b\U000e0100", r) {
			return false
		}
	}
	return true
}

func TestNoControlCharacterGetsThrough(t *testing.T) {
	for _, s := range hostile {
		if got := Escape(s); !printable(got) {
			t.Errorf("Escape(%q) = %q", s, got)
		}
		js, err := json.Marshal(map[string]string{s: s})
		if err != nil {
			t.Fatal(err)
		}
		got := EscapeJSON(js)
		if !printable(string(got)) {
			t.Errorf("EscapeJSON(%q) = %q", js, got)
		}
		var before, after map[string]string
		if json.Unmarshal(js, &before) != nil || json.Unmarshal(got, &after) != nil || before[s] != after[s] {
			t.Errorf("EscapeJSON changed the meaning of %q: %q", js, got)
		}
		var b strings.Builder
		if _, err := (Writer{&b}).Write([]byte("one " + s + "\ntwo\n")); err != nil || !printable(strings.ReplaceAll(b.String(), "\n", "")) {
			t.Errorf("Writer let %q through: %v", b.String(), err)
		}
	}
	for s, want := range map[string]string{"a\x1bb\n": `a\x1bb\n`, "\u009b": `\u009b`, "\xff": `\xff`, "ä漢": "ä漢", "\U000e0041": `\U000e0041`, "a\u3164": `a\u3164`, "": ""} {
		if got := Escape(s); got != want {
			t.Errorf("Escape(%q) = %q, want %q", s, got, want)
		}
	}
	if got := Name("") + Name("a\n"); got != `-a\n` {
		t.Errorf("Name gives %q", got)
	}
}

func TestFitIsExact(t *testing.T) {
	for _, s := range append(hostile, "robot/arm/left/joint/3/temperature", "a漢b漢c漢d漢e") {
		s = Escape(s)
		for w := range 45 {
			for name, got := range map[string]string{"Left": Left(s, w), "Middle": Middle(s, w), "Right": Right(s, w)} {
				if Width(got) != w {
					t.Errorf("%s(%q, %d) = %q is %d wide", name, s, w, got, Width(got))
				}
			}
		}
	}
	if got := Middle("robot/arm/left/temperature", 16); got != "robot…emperature" {
		t.Errorf("Middle = %q", got)
	}
}

func TestFiguresKeepThreeDigits(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 0.01234: "0.012", 0.2: "0.20", 9.999: "10.0", 10: "10.0", 99.96: "100", 1234: "1234", 12_345: "12.3k", 2e6: "2.00M", 1e30: ">999T", math.Inf(1): ">999T", math.NaN(): ">999T"} {
		if got := Rate(v); got != want {
			t.Errorf("Rate(%v) = %q, want %q", v, got, want)
		}
	}
	for v, want := range map[uint64]string{0: "0 B", 999: "999 B", 1000: "1.00 kB", 999_600: "1.00 MB", 268_435_456: "268 MB", math.MaxUint64: ">999 TB"} {
		if got := Bytes(v); got != want {
			t.Errorf("Bytes(%v) = %q, want %q", v, got, want)
		}
	}
	for v, want := range map[int64]string{0: "0 ns", 640: "640 ns", 1200: "1.20 µs", 999_600: "1.00 ms", 12_000_000: "12.0 ms", 4_600_000_000: "4.60 s", 150e9: "2.50 min", -5: "-", 999 * 24 * 3600e9: "999 d", 19_675 * 24 * 3600e9: "19675 d", math.MaxInt64: "106752 d"} {
		if got := Duration(v); got != want {
			t.Errorf("Duration(%v) = %q, want %q", v, got, want)
		}
	}
	if got := Many(1, "topic") + ", " + Many(uint64(2), "topic") + ", " + Many(0, "process"); got != "1 topic, 2 topics, 0 processes" {
		t.Error(got)
	}
	if got := Count(999_999) + " " + Count(1_000_000); got != "999999 1.00M" {
		t.Error(got)
	}
}

func TestDistance(t *testing.T) {
	for pair, want := range map[[2]string]int{{"", ""}: 0, {"a", ""}: 1, {"pose", "pose"}: 0, {"pose", "posse"}: 1, {"pose", "nose"}: 1, {"kitten", "sitting"}: 3} {
		if got := distance(pair[0], pair[1]); got != want {
			t.Errorf("%v: %d", pair, got)
		}
	}
}
