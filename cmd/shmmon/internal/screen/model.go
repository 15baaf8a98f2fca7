// Package screen is the live table of shmmon.
//
// The Model is a reducer: snapshots of the domain arrive as messages with their own time, and View is a function of what arrived. A test
// therefore needs no terminal, clock or domain. At most one snapshot is under way, and the next is requested one interval after the
// previous one arrived. Nothing is drawn in between, so an idle table uses almost no CPU time.
package screen

import (
	"context"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/charmbracelet/bubbles/help"
	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/lipgloss"

	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/watch"
)

// Options say what the table shows and how. The zero value is right.
type Options struct {
	Domain   string             // shown above the table
	Interval time.Duration      // between scans; zero means a second
	Renderer *lipgloss.Renderer // nil means one without colours
}

// Run shows the table on out until the user quits or ctx ends.
func Run(ctx context.Context, source watch.Source, out io.Writer, opts *Options) error {
	o := *opts
	if o.Renderer == nil {
		o.Renderer = lipgloss.NewRenderer(out)
	}
	// Ten frames a second are enough for figures that change once in a second, and cost little while nothing changes.
	p := tea.NewProgram(New(source, &o), tea.WithoutSignalHandler(), tea.WithOutput(out), tea.WithAltScreen(), tea.WithFPS(10))
	// One way to end is enough: with a handler of signals and a context as well, each may wait for the other for ever, and a
	// program that its context ends does not wait for what reads the keys.
	defer context.AfterFunc(ctx, p.Quit)()
	_, err := p.Run()
	if ctx.Err() != nil {
		return nil // asked for from outside
	}
	return err
}

type mode uint8

const (
	modeTable mode = iota
	modeFilter
	modeDetail
	modeHelp
)

// A Model is the state of the table.
type Model struct {
	source  watch.Source
	tracker *watch.Tracker
	opts    Options
	keys    keyMap
	styles  styles
	columns []column
	help    help.Model
	filter  string

	width, height int
	view          watch.View
	loaded        bool
	err           error // of the newest scan
	paused        bool
	mode          mode
	before        mode // what the help covers

	sort    int // column
	reverse bool
	rows    []watch.Topic // filtered and sorted
	cursor  int
	picked  string // the topic under the cursor, which keeps it while the order changes
	top     int    // first row on the screen
	scroll  int    // first line of the details on the screen
}

// New returns the Model of an empty table. opts may be nil.
func New(source watch.Source, opts *Options) Model {
	if opts == nil {
		opts = &Options{}
	}
	m := Model{source: source, opts: *opts, keys: newKeyMap(), columns: newColumns(), help: help.New()}
	if m.opts.Interval <= 0 {
		m.opts.Interval = time.Second
	}
	if m.opts.Renderer == nil {
		m.opts.Renderer = lipgloss.NewRenderer(io.Discard)
	}
	m.tracker = watch.NewTracker(&watch.TrackerOptions{KeepGone: true, Window: 3 * m.opts.Interval})
	m.styles = newStyles(m.opts.Renderer)
	m.help.Styles = help.Styles{
		Ellipsis: m.styles.faint, ShortKey: m.styles.key, ShortDesc: m.styles.faint, ShortSeparator: m.styles.faint,
		FullKey: m.styles.key, FullDesc: m.opts.Renderer.NewStyle(), FullSeparator: m.styles.faint,
	}
	m.help.ShortSeparator = "  "
	return m
}

// A tickMsg says that it is time to scan.
type tickMsg struct{}

// A snapshotMsg is a snapshot of the domain.
type snapshotMsg struct {
	snapshot watch.Snapshot
	err      error
}

// Init implements tea.Model.
func (m Model) Init() tea.Cmd { return m.scan() }

func (m Model) scan() tea.Cmd {
	source := m.source
	return func() tea.Msg {
		s, err := source.Snapshot()
		return snapshotMsg{s, err}
	}
}

// arrange filters and sorts the topics of the view and keeps the cursor on its topic.
func (m *Model) arrange() {
	m.rows = m.rows[:0:0]
	want := strings.ToLower(m.filter)
	for _, t := range m.view.Topics {
		if want == "" || strings.Contains(strings.ToLower(text.Escape(t.Name)), want) ||
			strings.Contains(strings.ToLower(typeCell(t)), want) {
			m.rows = append(m.rows, t)
		}
	}
	order := m.columns[m.sort].order
	slices.SortStableFunc(m.rows, func(a, b watch.Topic) int {
		if m.reverse {
			a, b = b, a
		}
		return order(a, b)
	})
	if i := slices.IndexFunc(m.rows, func(t watch.Topic) bool { return t.Name == m.picked }); i >= 0 {
		m.cursor = i
	}
	m.moveTo(m.cursor)
}

// moveTo puts the cursor on row i, or the nearest there is, and scrolls it into sight.
func (m *Model) moveTo(i int) {
	m.cursor = max(0, min(i, len(m.rows)-1))
	m.picked = ""
	if len(m.rows) > 0 {
		m.picked = m.rows[m.cursor].Name
	}
	page := max(1, m.page())
	m.top = max(0, min(m.top, len(m.rows)-page))
	m.top = max(min(m.top, m.cursor), m.cursor-page+1)
}

// page is how many rows there is room for, between the two lines above and the one below.
func (m *Model) page() int { return m.height - 3 }
