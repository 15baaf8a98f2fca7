package table

import (
	"fmt"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/theme"
)

// A Sign is the mark before a row, one character that says what is the matter with it, and its level.
type Sign struct {
	Mark  string
	Level theme.Level
}

// margin is the room before the columns: one cell for the cursor, one for the mark, one between.
const margin = 3

// Lines writes the head and the rows in sight, exactly as many lines as the table is high, each at most as wide as the table.
func (t *Table[R]) Lines(s *theme.Styles) []string {
	shown, over := t.layout()
	lines := []string{t.cut(t.head(shown, s), shown, over)}
	for i := t.top; len(lines) < t.height; i++ {
		switch {
		case i < len(t.visible) && t.visible[i].group:
			lines = append(lines, ansi.Truncate(t.groupLine(t.visible[i], i == t.cursor, s), t.width, ""))
		case i < len(t.visible):
			lines = append(lines, t.cut(t.line(t.visible[i], shown, i == t.cursor, s), shown, over))
		case i == 0 && t.Nothing != nil:
			lines = append(lines, "   "+s.Paint(theme.Faint, text.Left(t.Nothing(), max(0, t.width-margin))))
		default:
			lines = append(lines, "")
		}
	}
	return lines[:max(0, min(len(lines), t.height))]
}

// layout places the columns and bounds the scrolling. It returns how many cells of the columns do not fit.
func (t *Table[R]) layout() (shown []place, over int) {
	shown = t.place(t.width - margin)
	over = max(0, margin+total(shown)-t.width)
	most := max(over, t.beside-t.width, 0)
	if most == 0 && t.exceeds(t.width-margin) {
		most = 1 // the columns that were left out fit beside a narrower first one
	}
	if t.left > most {
		if t.left = most; most == 0 {
			shown = t.place(t.width - margin)
		}
	}
	return shown, over
}

// still is the number of cells at the left that do not scroll: outside of wide mode those of the first column.
func (t *Table[R]) still(shown []place) int {
	if t.wide || len(shown) == 0 {
		return 0
	}
	return margin + shown[0].width + gap
}

// cut keeps what is in sight of a line of which so many cells do not fit.
func (t *Table[R]) cut(line string, shown []place, over int) string {
	if left := min(t.left, over); left > 0 {
		still := t.still(shown)
		line = ansi.Truncate(line, still, "") + ansi.TruncateLeft(line, still+left, "")
	}
	return ansi.Truncate(line, t.width, "")
}

// head writes the heads. The arrow of the sorted column takes the space beside its head.
func (t *Table[R]) head(shown []place, s *theme.Styles) string {
	var b strings.Builder
	b.WriteString(s.Head.Render(strings.Repeat(" ", margin)))
	for i, p := range shown {
		c := &t.Columns[p.index]
		lead := strings.Repeat(" ", gap)
		if i == 0 {
			lead = ""
		}
		if p.index != t.sort {
			fill := text.Right(c.Head, p.width)
			if c.Left || c.Fill != nil {
				fill = text.Left(c.Head, p.width)
			}
			b.WriteString(s.Head.Render(lead + fill))
			continue
		}
		arrow := "↓" // figures begin with the greatest
		if c.Left != t.reverse {
			arrow = "↑"
		}
		pad := max(0, p.width-len(c.Head))
		if !c.Left || pad == 0 { // the arrow before the head may take a cell of the gap
			lead += strings.Repeat(" ", pad)
			if lead == "" {
				b.WriteString(s.Sorted.Render(text.Left(c.Head, p.width)))
				continue
			}
			b.WriteString(s.Head.Render(lead[1:]) + s.Sorted.Render(arrow+c.Head))
			continue
		}
		b.WriteString(s.Head.Render(lead) + s.Sorted.Render(text.Left(c.Head+arrow, min(p.width, len(c.Head)+1))) +
			s.Head.Render(strings.Repeat(" ", max(0, pad-1))))
	}
	return b.String()
}

func (t *Table[R]) line(l line, shown []place, cursor bool, s *theme.Styles) string {
	r := t.rows[l.row]
	var sign Sign
	if t.Sign != nil {
		sign = t.Sign(r)
	}
	mark := text.Left(sign.Mark, 1)
	var b strings.Builder
	for i, p := range shown {
		if i > 0 {
			b.WriteString(strings.Repeat(" ", gap))
		}
		c := &t.Columns[p.index]
		cell := c.fit(r, p.width)
		if level := c.level(r); level > sign.Level && !cursor {
			cell = s.Paint(level, cell)
		} else if !cursor {
			cell = s.Paint(sign.Level, cell)
		}
		b.WriteString(cell)
	}
	if cursor {
		body := ">" + mark + " " + b.String()
		return s.Cursor.Render(body + strings.Repeat(" ", max(0, t.width-text.Width(body))))
	}
	return " " + s.Paint(sign.Level, mark) + " " + b.String()
}

func (c *Column[R]) level(r R) theme.Level {
	if c.Level == nil {
		return theme.Plain
	}
	return c.Level(r)
}

func (t *Table[R]) groupLine(l line, cursor bool, s *theme.Styles) string {
	sign := "▾"
	if t.folded[l.key] {
		sign = "▸"
	}
	name := text.Escape(strings.TrimSuffix(l.key, "/…"))
	if name == "" {
		name = "(no prefix)"
	}
	body := fmt.Sprintf("%s %s (%d)", sign, name, l.count)
	if cursor {
		return s.Cursor.Render(text.Left(">"+body, t.width))
	}
	return " " + s.Group.Render(text.Left(body, max(0, t.width-1)))
}

// HeadAt returns the index of the column whose head is at cell x of the table; -1 if there is none.
func (t *Table[R]) HeadAt(x int) int {
	shown, over := t.layout()
	if x >= t.still(shown) {
		x += min(t.left, over)
	}
	at := margin
	for _, p := range shown {
		if x >= at && x < at+p.width {
			return p.index
		}
		at += p.width + gap
	}
	return -1
}

// LineAt moves the cursor to the row at line y of the table. It returns false if there is none.
func (t *Table[R]) LineAt(y int) bool {
	i := t.top + y - 1
	if y < 1 || y >= t.height || i >= len(t.visible) {
		return false
	}
	t.MoveTo(i)
	return true
}

// Cursor returns the number of the line under the cursor.
func (t *Table[R]) Cursor() int { return t.cursor }
