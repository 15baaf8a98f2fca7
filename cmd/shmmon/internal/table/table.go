package table

import (
	"slices"
	"strings"
)

// A Table is the state of a table on the screen. Columns and Key must be set before the first Set.
type Table[R any] struct {
	Columns []Column[R]
	Key     func(R) string   // tells rows apart
	Sign    func(R) Sign     // the mark of a row; nil: none
	Group   func(R) string   // the name by whose beginning rows are grouped; nil: they are not
	Texts   func(R) []string // what a filter is compared with; nil: all shown cells
	Nothing func() string    // why there are no rows

	// Arrange sorts the rows by a column where that is not for each row by itself; nil: each column's Order does.
	Arrange func(rows []R, column int, reverse bool) []R

	// Below tells the rows that Arrange puts below another one, which the filter then keeps with each of them; nil: there are none.
	Below func(R) bool

	rows    []R // as they were set
	visible []line
	matched int // rows that the filter lets through
	match   Filter
	sort    int
	reverse bool
	depth   int             // segments of a name that make a group; 0: no groups
	folded  map[string]bool // groups whose rows are hidden
	chosen  map[int]bool    // columns that are shown, or not, other than by default
	wide    bool
	left    int // cells that are scrolled out at the left
	beside  int // cells of a text that scrolls with the table

	cursor, top   int
	picked        string // the key of the line under the cursor
	width, height int    // of the whole table with its head
}

// A line is a row, or the head of a group of rows.
type line struct {
	row   int
	key   string
	group bool
	count int // rows of the group
}

// Set replaces the rows. The table keeps the slice.
func (t *Table[R]) Set(rows []R) {
	t.rows = rows
	t.arrange()
}

// Restart empties the table for other rows, without a filter and with the cursor at the first one. Columns, order and groups stay.
func (t *Table[R]) Restart() {
	t.match = Filter{}
	t.Set(nil)
}

// Resize gives the table its place on the screen.
func (t *Table[R]) Resize(width, height int) {
	if t.width == width && t.height == height {
		return
	}
	t.width, t.height = width, height
	t.MoveTo(t.cursor)
}

// arrange filters, sorts and groups the rows, and keeps the cursor on its line.
func (t *Table[R]) arrange() {
	if t.Arrange != nil {
		t.rows = t.Arrange(t.rows, t.sort, t.reverse)
	}
	t.visible = t.visible[:0]
	above := -1 // the row that those below it need, unless it is visible
	for i := range t.rows {
		below := t.Below != nil && t.Below(t.rows[i])
		if !below {
			above = i
		}
		if !t.match.Empty() && !t.match.Match(t.texts(t.rows[i])...) {
			continue
		}
		if below && above >= 0 {
			t.visible = append(t.visible, line{row: above})
		}
		t.visible = append(t.visible, line{row: i})
		above = -1
	}
	t.matched = len(t.visible)
	if t.Arrange == nil && t.sort >= 0 && t.sort < len(t.Columns) {
		c := &t.Columns[t.sort]
		slices.SortStableFunc(t.visible, func(a, b line) int {
			if t.reverse {
				a, b = b, a
			}
			return c.order(t.rows[a.row], t.rows[b.row])
		})
	}
	for i := range t.visible {
		t.visible[i].key = t.Key(t.rows[t.visible[i].row])
	}
	t.group()
	if i := slices.IndexFunc(t.visible, func(l line) bool { return l.key == t.picked }); i >= 0 {
		t.cursor = i
	}
	t.MoveTo(t.cursor)
}

func (t *Table[R]) texts(r R) []string {
	if t.Texts != nil {
		return t.Texts(r)
	}
	var all []string
	for i := range t.Columns {
		if c := &t.Columns[i]; t.Shown(i) && c.Cell != nil {
			all = append(all, c.Cell(r))
		}
	}
	return all
}

// MoveTo puts the cursor on a line, or the nearest there is, and scrolls it into sight.
func (t *Table[R]) MoveTo(i int) {
	t.cursor = max(0, min(i, len(t.visible)-1))
	t.picked = ""
	if len(t.visible) > 0 {
		t.picked = t.visible[t.cursor].key
	}
	page := t.Page()
	t.top = max(0, min(t.top, len(t.visible)-page))
	t.top = max(min(t.top, t.cursor), t.cursor-page+1)
}

// Move moves the cursor by n lines.
func (t *Table[R]) Move(n int) { t.MoveTo(t.cursor + n) }

// Page is the number of rows that are in sight.
func (t *Table[R]) Page() int { return max(1, t.height-1) }

// Len returns the number of lines, heads of groups included.
func (t *Table[R]) Len() int { return len(t.visible) }

// Count returns how many rows the filter lets through, and of how many.
func (t *Table[R]) Count() (shown, all int) { return t.matched, len(t.rows) }

// Picked returns the row under the cursor; ok is false on the head of a group and in an empty table.
func (t *Table[R]) Picked() (r R, ok bool) {
	if t.cursor >= len(t.visible) || t.visible[t.cursor].group {
		return r, false
	}
	return t.rows[t.visible[t.cursor].row], true
}

// Pick puts the cursor on the row with a key, if it is there.
func (t *Table[R]) Pick(key string) bool {
	i := slices.IndexFunc(t.visible, func(l line) bool { return l.key == key && !l.group })
	if i >= 0 {
		t.MoveTo(i)
	}
	return i >= 0
}

// SortBy sorts by a column, the other way round when it is that already. A column that draws something has no order: then it returns false.
func (t *Table[R]) SortBy(column int) bool {
	if t.Columns[column].Fill != nil {
		return false
	}
	t.reverse = t.sort == column && !t.reverse
	t.sort = column
	t.arrange()
	return true
}

// SortNext sorts by the shown column that is n further to the right.
func (t *Table[R]) SortNext(n int) {
	step, count := 1, len(t.Columns)
	if n < 0 {
		step = count - 1
	}
	for i := (t.sort + step) % count; i != t.sort; i = (i + step) % count {
		if t.Shown(i) && t.Columns[i].Fill == nil {
			t.sort, t.reverse = i, false
			break
		}
	}
	t.arrange()
}

// Reverse sorts the other way round.
func (t *Table[R]) Reverse() {
	t.reverse = !t.reverse
	t.arrange()
}

// Sorted returns the head of the column that the table is sorted by.
func (t *Table[R]) Sorted() string { return t.Columns[t.sort].Head }

// Column returns the index of the column with a head, in any case; -1 if there is none.
func (t *Table[R]) Column(head string) int {
	return slices.IndexFunc(t.Columns, func(c Column[R]) bool { return strings.EqualFold(c.Head, head) })
}

// Shown reports whether a column is chosen.
func (t *Table[R]) Shown(column int) bool {
	if on, ok := t.chosen[column]; ok {
		return on
	}
	return !t.Columns[column].Off
}

// Choose shows or hides a column. The first one always stays: then it returns false.
func (t *Table[R]) Choose(column int, on bool) bool {
	if column == 0 {
		return on
	}
	if t.chosen == nil {
		t.chosen = make(map[int]bool)
	}
	if t.chosen[column] = on; !on && t.sort == column {
		t.sort = 0
	}
	t.arrange()
	return true
}

// Filter returns the filter, and SetFilter replaces it.
func (t *Table[R]) Filter() Filter { return t.match }

// SetFilter shows only the rows that a filter matches.
func (t *Table[R]) SetFilter(f Filter) {
	t.match = f
	t.arrange()
}

// Wide switches between the columns that fit and all of them, which scroll sideways.
func (t *Table[R]) Wide() { t.wide, t.left = !t.wide, 0 }

// Sideways scrolls by n cells. In wide mode the whole table scrolls; otherwise the first column stays, and the others follow with those
// that were left out for want of room.
func (t *Table[R]) Sideways(n int) { t.left = max(0, t.left+n) }

// Beside gives the table the width of a text that scrolls sideways with it.
func (t *Table[R]) Beside(width int) { t.beside = width }

// Left returns by how many cells the text beside the table is scrolled out at the left.
func (t *Table[R]) Left() int { return max(0, min(t.left, t.beside-t.width)) }
