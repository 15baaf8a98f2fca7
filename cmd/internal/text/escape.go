// Package text turns names and figures of other processes into text that a terminal may show.
//
// Other processes choose names, units and payloads. A terminal obeys control characters. They are written as escapes, as are the
// invisible characters that reorder or hide text.
package text

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// visible reports whether r is a space or something that a terminal shows. Some characters count as letters or marks and
// are never seen all the same; with them two names could look like one.
func visible(r rune) bool {
	return unicode.IsPrint(r) && !unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// Name is Escape for a name that may be empty, which is shown as "-".
func Name(s string) string {
	if s == "" {
		return "-"
	}
	return Escape(s)
}

// Escape returns s with everything but visible characters written as Go escapes.
func Escape(s string) string {
	if plain(s) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case visible(r):
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < 0x80:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
		i += n
	}
	return b.String()
}

func plain(s string) bool {
	for i, r := range s {
		if !visible(r) {
			return false
		}
		// A real U+FFFD is three bytes long; anything else that decodes to it is not UTF-8.
		if r == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD") {
			return false
		}
	}
	return true
}

// EscapeJSON returns valid JSON with the same meaning in which everything but visible characters and line ends is
// escaped. The standard encoder leaves alone what JSON allows, which is more than a terminal should get.
func EscapeJSON(js []byte) []byte {
	clean := true
	for _, r := range string(js) {
		if clean = visible(r) || r == '\n'; !clean {
			break
		}
	}
	if clean {
		return js
	}
	out := make([]byte, 0, len(js)+16)
	for _, r := range string(js) { // what is not UTF-8 becomes U+FFFD, as in every JSON decoder
		switch {
		case visible(r) || r == '\n':
			out = utf8.AppendRune(out, r)
		case r == '\t' || r == '\r':
			out = append(out, ' ') // only ever between the tokens of valid JSON
		case r < 0x10000:
			out = fmt.Appendf(out, `\u%04x`, r)
		default:
			hi, lo := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, hi, lo)
		}
	}
	return out
}

// Writer passes whole lines on to w with each escaped, for text that comes ready made, such as error messages.
type Writer struct{ W io.Writer }

// Write escapes all of p but its line ends.
func (w Writer) Write(p []byte) (int, error) {
	lines := strings.SplitAfter(string(p), "\n")
	for i, l := range lines {
		body, end := strings.CutSuffix(l, "\n")
		if lines[i] = Escape(body); end {
			lines[i] += "\n"
		}
	}
	if _, err := io.WriteString(w.W, strings.Join(lines, "")); err != nil {
		return 0, err
	}
	return len(p), nil
}
