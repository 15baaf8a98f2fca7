// Package screen is the terminal screen of shmmon.
//
// The Model is a reducer: snapshots of the domain and messages of topics arrive with their own times, and the screen is a function of
// what arrived. A test therefore needs no terminal, clock or domain. At most one snapshot is under way, and the next is requested one
// interval after the previous one arrived. Nothing is drawn in between, so an idle screen uses almost no CPU time.
//
// The screen is a stack of pages, of which the last is shown. Each page is a view of its own: a table, the detail of a topic, the help.
package screen

import (
	"cmp"
	"context"
	"io"
	"os"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

	"github.com/shmbus/shmbus/cmd/shmmon/internal/logtopics"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/message"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/recorders"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/rules"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/services"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/theme"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/watch"
)

// Options say what the screen shows and how. The zero value is right.
type Options struct {
	Domain    string                                    // directory, shown in the head
	Interval  time.Duration                             // between scans; zero means a second
	Messages  message.Source                            // of the newest messages; nil: there are none to see
	Recorders recorders.Source                          // of the domain; nil: none is shown
	Services  services.Source                           // of services, goals and parameters; nil: there are none to see
	Logs      logtopics.Source                          // of what programs log; nil: none is shown
	Rules     *rules.Rules                              // that passed Check, instead of those of the health; nil: none
	All       bool                                      // also topics of services and parameters
	ASCII     bool                                      // no characters beyond ASCII
	Wall      func(stamp int64) time.Time               // wall-clock time of a stamp of CLOCK_MONOTONIC; nil: only ages are shown
	After     func(time.Duration, tea.Msg) tea.Cmd      // sends a message later; nil: tea.Tick does
	Create    func(name string) (io.WriteCloser, error) // makes the file of a saved table, which must be new; nil: in the working directory
}

// Run shows the screen on out until the user quits or ctx ends.
func Run(ctx context.Context, source watch.Source, out io.Writer, opts *Options) error {
	// Ten frames a second are enough for figures that change once in a second, and cost little while nothing changes.
	p := tea.NewProgram(New(source, opts), tea.WithoutSignalHandler(), tea.WithOutput(out), tea.WithFPS(10))
	// One way to end is enough: with a handler of signals and a context as well, each may wait for the other for ever, and a
	// program that its context ends does not wait for what reads the keys.
	defer context.AfterFunc(ctx, p.Quit)()
	m, err := p.Run()
	if m, ok := m.(*Model); ok {
		m.live.close()
	}
	if ctx.Err() != nil {
		return nil // asked for from outside
	}
	return err
}

// A Model is the state of the screen.
type Model struct {
	source watch.Source
	opts   Options
	keys   keyMap
	styles theme.Styles

	tracker   *watch.Tracker
	history   watch.History
	log       watch.Log
	pulse     watch.Pulse
	processes watch.Processes
	memory    watch.Memory

	width, height int
	profile       colorprofile.Profile // colours that the terminal has
	view          watch.View
	whole         watch.View // view with the topics of services and parameters
	inspection    watch.Inspection
	connections   []watch.Connection
	calls         []watch.Connection // of clients to servers; none where all topics are shown: these are among the others
	health        watch.Health
	shares        []watch.Share // of the memory page
	inspected     watch.Want    // what inspection contains
	loaded        bool
	scanning      bool  // a snapshot is under way
	ticks         int   // counts the ticks, so that only the newest one leads to a scan
	err           error // of the newest scan
	paused        bool
	noted         int // number of the newest entry of the log when the screen was paused

	services   []services.Service
	goals      []services.Goal
	parameters []services.Parameter
	read       services.Want // what of these was read
	readErr    error
	logsErr    error // of the newest reading of logs

	roots  [len(viewKeys)]page // by their keys
	opened opened
	detail detailChoice
	stack  []page
	prompt *prompt // nil: nothing is typed
	notice notice
	split  bool
	live   live             // the newest message
	liars  map[string]error // topics of which a message was shown that is not of the announced type, until they are gone
	drawn  string           // the screen, "" after a message that may have changed it

	recorder recorderAsker
	alerts   alerter
}

// opened has the pages with a part of a view that other pages open. There is one of each, so that it keeps what was chosen.
type opened struct {
	connections *tablePage[connection]
	services    *tablePage[serviceRow]
	goals       *tablePage[goalRow]
}

// A notice is a line about what the last key did, until the next key.
type notice struct {
	text  string
	level theme.Level
}

// New returns the Model of an empty screen. opts may be nil.
func New(source watch.Source, opts *Options) *Model {
	if opts == nil {
		opts = &Options{}
	}
	m := &Model{source: source, opts: *opts, keys: newKeyMap(), styles: theme.New(), liars: make(map[string]error)}
	if m.opts.Interval <= 0 {
		m.opts.Interval = time.Second
	}
	if m.opts.After == nil {
		m.opts.After = func(d time.Duration, msg tea.Msg) tea.Cmd {
			return tea.Tick(d, func(time.Time) tea.Msg { return msg })
		}
	}
	if m.opts.Create == nil {
		m.opts.Create = func(name string) (io.WriteCloser, error) {
			return os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		}
	}
	if m.opts.Rules != nil {
		m.alerts.monitor = rules.NewMonitor(m.opts.Rules)
	}
	m.tracker = watch.NewTracker(&watch.TrackerOptions{KeepGone: true, Window: windowOf(m.opts.Interval)})
	m.detail.fields = newFieldTable()
	m.opened = opened{connectionsPage(m, ""), servicesPage(m, ""), goalsPage(m, "")}
	m.roots = [...]page{topicsPage(m), connectionsPage(m, "Connections"), processesPage(m), graphPage(m), memoryPage(m), logPage(m),
		&detail{detailChoice: &m.detail, root: true}, newHelp(), servicesPage(m, "Services"), goalsPage(m, "Goals"), parametersPage(m)}
	m.stack = []page{m.roots[0]}
	return m
}

// windowOf returns the time that rates are taken over at least, by the time between scans.
func windowOf(interval time.Duration) time.Duration { return 3 * interval }

// viewKeys are the keys of the views, in their order.
const viewKeys = "1234567890-"

// Indices of views that others lead to.
const (
	viewDetail = 6
	viewHelp   = 7
)

// page returns the page that is shown.
func (m *Model) page() page { return m.stack[len(m.stack)-1] }

// filtered returns the table of the page that is shown, if there is one. The detail has one in the part of the message.
func (m *Model) filtered() (f filtered, ok bool) {
	if d, own := m.page().(*detail); own {
		return d.fields, d.part == partMessage && m.live.decode == nil
	}
	f, ok = m.page().(filtered)
	return f, ok
}

// show makes a root page the only one.
func (m *Model) show(root page) {
	if d, ok := root.(*detail); ok {
		if name := cmp.Or(m.topic(), topicOf(m.roots[0])); name != "" && name != d.name {
			d.follow(name)
		}
	}
	m.stack = []page{root}
	m.refresh()
}

// push opens a page above the one that is shown.
func (m *Model) push(p page) tea.Cmd {
	const deepest = 16
	if len(m.stack) < deepest {
		m.stack = append(m.stack, p)
		m.refresh()
	}
	return nil
}

// back closes the page that is shown, unless it is the only one.
func (m *Model) back() bool {
	if len(m.stack) == 1 {
		return false
	}
	m.stack = m.stack[:len(m.stack)-1]
	m.refresh()
	return true
}

// topic returns the topic under the cursor of the page that is shown, or else that of the nearest page below.
func (m *Model) topic() string {
	for i := len(m.stack) - 1; i >= 0; i-- {
		if name := topicOf(m.stack[i]); name != "" {
			return name
		}
	}
	return ""
}

// topicOf returns the topic under the cursor of a page, or "".
func topicOf(p page) string {
	if p, ok := p.(topical); ok {
		return p.topic()
	}
	return ""
}

// say shows a notice.
func (m *Model) say(level theme.Level, text string) { m.notice = notice{text, level} }
