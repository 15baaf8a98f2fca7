package screen

import (
	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/shmbus/shmbus/cmd/internal/text"
)

// A scroller is the part of a longer and wider text that is in sight.
type scroller struct {
	top, left   int
	page, count int // lines in sight, and of the text
	w, widest   int
}

// window cuts a text to h lines of at most w cells.
func (s *scroller) window(lines []string, w, h int) []string {
	s.page, s.count, s.w, s.widest = h, len(lines), w, 0
	for _, l := range lines {
		s.widest = max(s.widest, text.Width(l))
	}
	s.move(0, 0)
	lines = lines[s.top:min(len(lines), s.top+h)]
	out := make([]string, len(lines))
	for i, l := range lines {
		if s.left > 0 {
			l = ansi.TruncateLeft(l, s.left, "")
		}
		mark := "…"
		if text.Width(l) > w {
			l = ansi.Truncate(l, w, mark)
		}
		out[i] = l
	}
	return out
}

func (s *scroller) move(down, right int) {
	s.top = max(0, min(s.top+down, s.count-s.page))
	s.left = max(0, min(s.left+right, s.widest-s.w))
}

// press handles the keys that scroll.
func (s *scroller) press(k *keyMap, msg tea.KeyPressMsg) bool {
	const sideways = 8 // cells
	switch {
	case key.Matches(msg, k.Up):
		s.move(-1, 0)
	case key.Matches(msg, k.Down):
		s.move(1, 0)
	case key.Matches(msg, k.PageUp):
		s.move(-s.page, 0)
	case key.Matches(msg, k.PageDown):
		s.move(s.page, 0)
	case key.Matches(msg, k.Top):
		s.move(-s.count, 0)
	case key.Matches(msg, k.Bottom):
		s.move(s.count, 0)
	case key.Matches(msg, k.Left):
		s.move(0, -sideways)
	case key.Matches(msg, k.Right):
		s.move(0, sideways)
	default:
		return false
	}
	return true
}
