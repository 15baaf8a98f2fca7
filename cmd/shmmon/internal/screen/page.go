package screen

import (
	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"github.com/shmbus/shmbus/cmd/shmmon/internal/table"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/watch"
)

// A page is what is between the head of the screen and its last line. Pages keep no figures: update gives them those of the Model.
type page interface {
	title() string
	// update takes the figures of the Model, when they are new and when the page is opened.
	update(m *Model)
	// lines writes the page: h lines of at most w cells.
	lines(m *Model, w, h int) []string
	// press handles a key; done is false for a key that it does not know.
	press(m *Model, msg tea.KeyPressMsg) (cmd tea.Cmd, done bool)
	// click handles a click at a cell of the page.
	click(m *Model, x, y int) tea.Cmd
	// want names what has to be inspected for the page.
	want() watch.Want
	// hints returns the keys that the last line shows.
	hints(k *keyMap) []key.Binding
}

// A filtered page has rows that a filter chooses.
type filtered interface {
	Filter() table.Filter
	SetFilter(table.Filter)
	Count() (shown, all int)
}

// tabular is what the keys and commands of all tables do, whatever their rows are.
type tabular interface {
	filtered
	Move(n int)
	MoveTo(i int)
	Len() int
	Page() int
	Cursor() int
	SortBy(column int) bool
	SortNext(n int)
	Reverse()
	Column(head string) int
	Shown(column int) bool
	Choose(column int, on bool) bool
	GroupBy(segments int)
	Grouped() int
	Fold() bool
	Wide()
	Sideways(n int)
}

// A topical page knows the topic under its cursor, raw, or "".
type topical interface{ topic() string }

// A copied page has something to copy under its cursor.
type copied interface {
	// value and path return what the keys copy, safe for a terminal; "" if there is nothing.
	value() string
	path() string
}
