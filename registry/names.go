package registry

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxName is the longest topic name, pattern or unit name, in bytes.
const MaxName = 255

// CheckTopic returns a *NameError when name is not a topic name. A topic name has 1 to 255 bytes of valid UTF-8 without control
// characters, '*' and '?'. Its segments are separated by '/'. A leading '/' is allowed and significant; no segment is empty.
func CheckTopic(name string) error {
	if rule := brokenRule(name, false); rule != "" {
		return &NameError{What: "topic name", Name: name, Rule: rule}
	}
	return nil
}

// CheckPattern returns a *NameError when p is not a pattern: a topic name in which a whole segment may be "*" or "**".
func CheckPattern(p string) error {
	if rule := brokenRule(p, true); rule != "" {
		return &NameError{What: "topic pattern", Name: p, Rule: rule}
	}
	return nil
}

func checkUnit(unit string) error {
	if rule := brokenText(unit); rule != "" {
		return &NameError{What: "unit name", Name: unit, Rule: rule}
	}
	return nil
}

// cutName turns a name that the file system allows into one that a record can hold.
func cutName(s string, limit int) string {
	s = strings.Map(func(c rune) rune {
		if c < ' ' || c >= 0x7f && c < 0xa0 {
			return '?'
		}
		return c
	}, strings.ToValidUTF8(s, "?"))
	if len(s) > limit {
		s = strings.ToValidUTF8(s[:limit], "")
	}
	return s
}

func brokenRule(name string, wildcards bool) string {
	if rule := brokenText(name); rule != "" {
		return rule
	}
	for segment := range strings.SplitSeq(strings.TrimPrefix(name, "/"), "/") {
		switch {
		case segment == "":
			return "it must have no empty segment: no \"//\", no '/' at the end"
		case wildcards && (segment == "*" || segment == "**"):
		case strings.ContainsAny(segment, "*?") && wildcards:
			return "'*' and '**' must stand for a whole segment, and '?' is not used"
		case strings.ContainsAny(segment, "*?"):
			return "it must hold no '*' and no '?'"
		}
	}
	return ""
}

func brokenText(s string) string {
	switch {
	case s == "":
		return "it must not be empty"
	case len(s) > MaxName:
		return "it must have at most 255 bytes"
	case !utf8.ValidString(s):
		return "it must be valid UTF-8"
	case strings.ContainsFunc(s, unicode.IsControl):
		return "it must hold no control characters"
	}
	return ""
}

// MatchPattern reports whether topic is one of the names that pattern stands for. "*" stands for exactly one segment, "**"
// for any number of segments, also none. A pattern with a leading '/' matches only names with one, and a pattern without
// only names without; "**" alone matches every name. A name that begins with '$' is not meant for applications: a pattern matches it
// only if it begins with the same segment. Neither argument is checked.
func MatchPattern(pattern, topic string) bool {
	if strings.HasPrefix(topic, "$") && strings.HasPrefix(pattern, "*") {
		return false
	}
	return matchAll(pattern, topic)
}

// matchAll is MatchPattern for which names that begin with '$' are like all others.
func matchAll(pattern, topic string) bool {
	if pattern == "**" {
		return true
	}
	if strings.HasPrefix(pattern, "/") != strings.HasPrefix(topic, "/") {
		return false
	}
	p, t := strings.TrimPrefix(pattern, "/"), strings.TrimPrefix(topic, "/")
	pi, ti := 0, 0         // begin of the next segment; past the end when none is left
	resume, taken := -1, 0 // after the last "**" in p, and after the segments of t that it stands for
	for ti <= len(t) {
		ts, tn := segmentAt(t, ti)
		if pi <= len(p) {
			ps, pn := segmentAt(p, pi)
			if ps == "**" {
				pi, resume, taken = pn, pn, ti
				continue
			}
			if ps == "*" || ps == ts {
				pi, ti = pn, tn
				continue
			}
		}
		if resume < 0 {
			return false
		}
		// Only the last "**" has to take more segments: it can take those of an earlier one as well.
		_, taken = segmentAt(t, taken)
		pi, ti = resume, taken
	}
	for pi <= len(p) {
		ps, pn := segmentAt(p, pi)
		if ps != "**" {
			return false
		}
		pi = pn
	}
	return true
}

// segmentAt returns the segment of s that begins at i, and the begin of the next one: past the end when there is none.
func segmentAt(s string, i int) (segment string, next int) {
	if n := strings.IndexByte(s[i:], '/'); n >= 0 {
		return s[i : i+n], i + n + 1
	}
	return s[i:], len(s) + 1
}
