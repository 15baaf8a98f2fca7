// Package table is a table on a terminal: rows of any type with columns that are chosen, sorted, filtered, grouped and saved.
//
// A Table keeps its cursor on the same row while the rows change, and writes only the rows that are in sight. Cells must be safe for a
// terminal: what other processes wrote is escaped before.
package table

import (
	"cmp"
	"slices"
	"strings"

	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/theme"
)

// A Column is one column of the table.
type Column[R any] struct {
	Head  string              // ASCII, no wider than the column
	About string              // what the cells mean
	Width int                 // cells; of columns that grow, the least
	Least int                 // of the first column: the least where otherwise one with Drop 1 would be left out; 0: Width
	Grow  bool                // takes what the others leave
	Left  bool                // text, to the left; figures are to the right
	Off   bool                // not shown until it is chosen
	Drop  int                 // the column with the highest is left out first where there is no room; 0 never is
	Cell  func(R) string      // nil: see Fill
	Order func(a, b R) int    // as people want to see it first: names up, figures down; nil: by the cell
	Level func(R) theme.Level // of the cell; nil: Plain

	// Saved returns the values of a saved table; nil: the cell.
	Saved func(R) []Saved

	// Fill writes the cell in exactly the given number of cells, for a column that draws something. It has no part in filters and
	// saved tables.
	Fill func(r R, width int) string
}

// gap is the number of cells between columns.
const gap = 2

// Names is the order of texts.
func Names[R any](of func(R) string) func(a, b R) int {
	return func(a, b R) int { return strings.Compare(of(a), of(b)) }
}

// Most is the order of figures, the greatest first.
func Most[R any, V cmp.Ordered](of func(R) V) func(a, b R) int {
	return func(a, b R) int { return cmp.Compare(of(b), of(a)) }
}

func (c *Column[R]) order(a, b R) int {
	switch {
	case c.Order != nil:
		return c.Order(a, b)
	case c.Cell != nil:
		return strings.Compare(c.Cell(a), c.Cell(b))
	}
	return 0
}

// fit writes the cell of a row in exactly width cells.
func (c *Column[R]) fit(r R, width int) string {
	if c.Fill != nil {
		return text.Left(c.Fill(r, width), width)
	}
	s := c.Cell(r)
	switch {
	case !c.Left:
		return text.Right(s, width)
	case c.Grow:
		return text.Middle(s, width)
	}
	return text.Left(s, width)
}

// A place is a column with the width that it has on the screen.
type place struct{ index, width int }

func total(shown []place) int {
	n := -gap
	for _, p := range shown {
		n += p.width + gap
	}
	return n
}

// place chooses the columns for width cells and gives each its width. The sorted column stays. In wide mode, and where the table is scrolled
// sideways, all chosen columns are there, as wide as their cells; in the latter case but for the first one.
func (t *Table[R]) place(width int) []place {
	var shown []place
	for i := range t.Columns {
		if t.Shown(i) {
			shown = append(shown, place{i, t.Columns[i].Width})
		}
	}
	if t.left > 0 && t.exceeds(width) {
		shown[0].width = max(len(t.Columns[shown[0].index].Head)+1, min(shown[0].width, width/3))
		t.share(shown, 0)
		shown[0].width += max(0, width-total(shown))
		return shown
	}
	for !t.wide && total(shown) > width {
		worst, drop := 0, 0
		for i, p := range shown {
			if d := t.Columns[p.index].Drop; d > drop && p.index != t.sort {
				worst, drop = i, d
			}
		}
		if spare := t.spare(shown); drop <= 1 && spare >= total(shown)-width {
			shown[0].width -= total(shown) - width
		}
		if drop == 0 || total(shown) <= width {
			break
		}
		shown = slices.Delete(shown, worst, worst+1)
	}
	room := width - total(shown)
	if room < 0 && !t.wide && len(shown) > 0 {
		shown[0].width = max(len(t.Columns[shown[0].index].Head)+1, shown[0].width+room)
	}
	t.share(shown, room)
	return shown
}

// exceeds reports whether the chosen columns take more than width cells.
func (t *Table[R]) exceeds(width int) bool {
	n := -gap
	for i := range t.Columns {
		if t.Shown(i) {
			n += t.Columns[i].Width + gap
		}
	}
	return !t.wide && n > width
}

// spare is how much narrower the first column may become for the sake of another one.
func (t *Table[R]) spare(shown []place) int {
	if c := &t.Columns[shown[0].index]; c.Least > 0 {
		return c.Width - c.Least
	}
	return 0
}

// share gives the columns that grow what they need of the room that is left. All get the same at first, and what one does not need
// goes to the others, so that one long name does not take everything.
func (t *Table[R]) share(shown []place, room int) {
	need := make(map[int]int) // by place: cells that are missing
	for k := range shown {
		c := &t.Columns[shown[k].index]
		if !c.Grow {
			continue
		}
		widest := shown[k].width
		if c.Fill != nil {
			widest += 24
		} else {
			for _, l := range t.visible {
				if !l.group {
					if cell := c.Cell(t.rows[l.row]); len(cell) > widest { // no text has more cells than bytes
						widest = max(widest, text.Width(cell))
					}
				}
			}
		}
		if widest > shown[k].width {
			need[k] = min(widest, maxCell) - shown[k].width
		}
	}
	if scrolls := t.left > 0 && room == 0; t.wide || scrolls {
		for k, n := range need {
			if t.wide || k > 0 {
				shown[k].width += max(0, n)
			}
		}
		return
	}
	for room > 0 && len(need) > 0 {
		each := max(1, room/len(need))
		for k := range shown {
			n, wants := need[k]
			if n = min(n, each, room); !wants {
				continue
			}
			shown[k].width += n
			room -= n
			if need[k] -= n; need[k] <= 0 {
				delete(need, k)
			}
		}
	}
}

// maxCell is the greatest width of a cell in wide mode. A topic name has 255 bytes.
const maxCell = 255
