package screen

import (
	"slices"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/services"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/table"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/theme"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/watch"
)

// A tablePage is a page with one table.
type tablePage[R any] struct {
	*table.Table[R]
	name  string
	wants watch.Want
	read  services.Want
	rows  func(m *Model) []R
	only  func(r R) bool              // of these rows, those that the page was opened for; nil: all
	open  func(m *Model, r R) tea.Cmd // the key enter; nil: nothing is to open
	of    func(r R) string            // the topic of a row, raw; nil: rows are not of topics
	top   bool                        // a cursor in the first row stays there when rows come, instead of on its row
	note  func(m *Model, r R) string  // the line below the table that tells more of the row under the cursor; nil: none
}

func (p *tablePage[R]) title() string    { return p.name }
func (p *tablePage[R]) want() watch.Want { return p.wants }
func (p *tablePage[R]) value() string    { return p.key() }
func (p *tablePage[R]) path() string     { return "" }

func (p *tablePage[R]) update(m *Model) {
	first := p.Cursor() == 0
	rows := p.rows(m)
	if p.only != nil {
		rows = slices.DeleteFunc(slices.Clone(rows), func(r R) bool { return !p.only(r) })
	}
	p.Set(rows)
	if p.top && first {
		p.MoveTo(0)
	}
}

// openFor opens the page for some of its rows. What was chosen stays as it was for others.
func (p *tablePage[R]) openFor(m *Model, title string, only func(r R) bool) tea.Cmd {
	p.name, p.only = title, only
	p.Restart()
	return m.push(p)
}

// key is the name of the row under the cursor: its topic, or its first cell.
func (p *tablePage[R]) key() string {
	r, ok := p.Picked()
	switch {
	case !ok:
		return ""
	case p.of != nil && p.of(r) != "":
		return escape(p.of(r))
	}
	return p.Columns[0].Cell(r)
}

func (p *tablePage[R]) topic() string {
	if r, ok := p.Picked(); ok && p.of != nil {
		return p.of(r)
	}
	return ""
}

func (p *tablePage[R]) lines(m *Model, w, h int) []string {
	note := ""
	if r, ok := p.Picked(); ok && p.note != nil && h > 4 {
		note = p.note(m, r)
	}
	if p.note != nil && h > 4 {
		p.Resize(w, h-1)
		p.Beside(text.Width(note))
		lines := p.Lines(&m.styles)
		return append(lines, m.styles.Paint(theme.Faint, text.Left(ansi.TruncateLeft(note, p.Left(), ""), w)))
	}
	p.Resize(w, h)
	return p.Lines(&m.styles)
}

func (p *tablePage[R]) press(m *Model, msg tea.KeyPressMsg) (tea.Cmd, bool) {
	if key.Matches(msg, m.keys.Open) {
		return p.enter(m), true
	}
	return nil, pressTable(m, p, msg)
}

// enter opens the row under the cursor, or folds the group.
func (p *tablePage[R]) enter(m *Model) tea.Cmd {
	r, ok := p.Picked()
	switch {
	case p.Fold():
	case ok && p.open != nil:
		return p.open(m, r)
	}
	return nil
}

func (p *tablePage[R]) click(m *Model, x, y int) tea.Cmd {
	if clickTable(p.Table, x, y) {
		return p.enter(m)
	}
	return nil
}

// clickTable sorts by the column whose head is at a cell of the table, or moves the cursor. It returns true for a second click at a line.
func clickTable[R any](t *table.Table[R], x, y int) bool {
	if y == 0 {
		if i := t.HeadAt(x); i >= 0 {
			t.SortBy(i)
		}
		return false
	}
	before := t.Cursor()
	return t.LineAt(y) && t.Cursor() == before
}

func (p *tablePage[R]) hints(k *keyMap) []key.Binding {
	return []key.Binding{k.Quit, k.Help, k.Filter, sortHint(k), k.Open, k.Split, k.Pause}
}

// sortHint is both keys of sorting in one.
func sortHint(k *keyMap) key.Binding {
	sort := k.SortNext
	sort.SetHelp("</>", "sort")
	return sort
}

// pressTable handles the keys that all tables have.
func pressTable(m *Model, t tabular, msg tea.KeyPressMsg) bool {
	const sideways = 8 // cells
	k := &m.keys
	switch {
	case key.Matches(msg, k.Up):
		t.Move(-1)
	case key.Matches(msg, k.Down):
		t.Move(1)
	case key.Matches(msg, k.PageUp):
		t.Move(-t.Page())
	case key.Matches(msg, k.PageDown):
		t.Move(t.Page())
	case key.Matches(msg, k.Top):
		t.MoveTo(0)
	case key.Matches(msg, k.Bottom):
		t.MoveTo(t.Len() - 1)
	case key.Matches(msg, k.Left):
		t.Sideways(-sideways)
	case key.Matches(msg, k.Right):
		t.Sideways(sideways)
	case key.Matches(msg, k.SortNext):
		t.SortNext(1)
	case key.Matches(msg, k.SortPrevious):
		t.SortNext(-1)
	case key.Matches(msg, k.Reverse):
		t.Reverse()
	case key.Matches(msg, k.Wide):
		t.Wide()
	case key.Matches(msg, k.Group):
		t.GroupBy((t.Grouped() + 1) % 3)
	default:
		return false
	}
	return true
}
