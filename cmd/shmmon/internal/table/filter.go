package table

import (
	"regexp"
	"strings"
	"unicode"
)

// MaxFilter is the greatest length of a filter in bytes, that of the longest name.
const MaxFilter = 255

// A Filter chooses rows by text, in any case. The text is a regular expression; "!" before it chooses the rows that it does not match,
// and "~" those that have its characters in this order with any others between them. The zero Filter matches every row.
type Filter struct {
	Text    string // as typed
	inverse bool
	fuzzy   []rune
	plain   string // in lower case, if the text is no expression yet
	re      *regexp.Regexp
}

// NewFilter makes a filter of what was typed. A text that is no regular expression, as while it is being typed, is searched as it is.
func NewFilter(typed string) Filter {
	if len(typed) > MaxFilter {
		typed = strings.ToValidUTF8(typed[:MaxFilter], "")
	}
	f := Filter{Text: typed}
	rest, inverse := strings.CutPrefix(typed, "!")
	f.inverse = inverse
	if rest, fuzzy := strings.CutPrefix(rest, "~"); fuzzy {
		f.fuzzy = []rune(strings.ToLower(rest))
		return f
	}
	if rest == "" {
		return f
	}
	re, err := regexp.Compile("(?i)" + rest)
	if err != nil {
		f.plain = strings.ToLower(rest)
		return f
	}
	f.re = re
	return f
}

// Empty reports whether the filter matches every row.
func (f *Filter) Empty() bool { return f.re == nil && f.plain == "" && len(f.fuzzy) == 0 }

// Match reports whether the filter chooses a row with these texts.
func (f *Filter) Match(texts ...string) bool {
	if f.Empty() {
		return true
	}
	for _, s := range texts {
		if f.found(s) {
			return !f.inverse
		}
	}
	return f.inverse
}

func (f *Filter) found(s string) bool {
	switch {
	case f.re != nil:
		return f.re.MatchString(s)
	case f.plain != "":
		return strings.Contains(strings.ToLower(s), f.plain)
	}
	rest := f.fuzzy
	for _, r := range s {
		if len(rest) > 0 && unicode.ToLower(r) == rest[0] {
			rest = rest[1:]
		}
	}
	return len(rest) == 0
}
