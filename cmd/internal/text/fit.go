package text

import (
	"strings"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
)

// Width returns how many cells s takes in a terminal.
func Width(s string) int { return ansi.StringWidth(s) }

// Left returns s in exactly width cells, cut at the end when it is too long.
func Left(s string, width int) string { return pad(ansi.Truncate(s, width, "…"), width) }

// Middle is Left, but cuts in the middle: the ends of topic names and paths tell them apart.
func Middle(s string, width int) string {
	if w := Width(s); w > width && width > 4 {
		head := ansi.Truncate(s, (width-1)/3, "")
		room := width - 1 - Width(head)
		tail := ansi.TruncateLeft(s, w-room, "")
		for Width(tail) > room { // a wide character straddled the cut
			_, n := utf8.DecodeRuneInString(tail)
			tail = tail[n:]
		}
		s = head + "…" + tail
	}
	return Left(s, width)
}

// Right returns s in exactly width cells, with the padding before it.
func Right(s string, width int) string {
	s = ansi.Truncate(s, width, "…")
	return strings.Repeat(" ", max(0, width-Width(s))) + s
}

func pad(s string, width int) string { return s + strings.Repeat(" ", max(0, width-Width(s))) }
