package theme

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// replacements returns single cells for the characters that the screen itself uses. Those of bars and sparklines keep their order.
func replacements() *strings.Replacer {
	return strings.NewReplacer(
		"…", "~", "µ", "u", "≤", "<", "↑", "^", "↓", "v", "→", ">", "←", "<", "▸", "+", "▾", "-", "●", "*", "▲", "!", "▏", "_", "›", ">", "─", "-", "│", "|",
		"├", "|", "└", "`", "▁", "_", "▂", ".", "▃", ",", "▄", "-", "▅", "=", "▆", "+", "▇", "*", "█", "#", "░", ".",
	)
}

// ASCII replaces everything beyond ASCII in a screen by as many cells of ASCII. Styles remain.
func ASCII(s string) string {
	s = replacements().Replace(s)
	var b strings.Builder
	for _, r := range s {
		switch {
		case r < 0x80:
			b.WriteRune(r)
		case r == 0x2800: // an empty braille cell
			b.WriteByte(' ')
		case r > 0x2800 && r < 0x2900:
			b.WriteByte('*')
		default:
			b.WriteString(strings.Repeat("?", ansi.StringWidth(string(r))))
		}
	}
	return b.String()
}

// NeedsASCII reports whether the environment says that the terminal shows no Unicode: a locale is set, and its character set is
// another. Without any locale, as in most containers, nothing is said of the terminal.
func NeedsASCII(getenv func(string) string) bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := getenv(name); v != "" {
			v = strings.ToLower(v)
			return !strings.Contains(v, "utf-8") && !strings.Contains(v, "utf8")
		}
	}
	return false
}
