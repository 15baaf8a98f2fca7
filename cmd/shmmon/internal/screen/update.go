package screen

import (
	"context"
	"slices"
	"strings"
	"time"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/logtopics"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/services"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/table"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/theme"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/watch"
)

// A tickMsg says that it is time to scan.
type tickMsg struct{ number int }

// A snapshotMsg is a snapshot of the domain.
type snapshotMsg struct {
	snapshot   watch.Snapshot
	inspection watch.Inspection
	want       watch.Want // what was inspected
	reading    services.Reading
	read       services.Want // what was read
	readErr    error
	records    []logtopics.Record
	logsErr    error
	err        error
}

// readTimeout bounds the reading of services. It waits for no other process, but a machine may be busy.
const readTimeout = 2 * time.Second

// Init implements tea.Model.
func (m *Model) Init() tea.Cmd { return m.scan() }

func (m *Model) scan() tea.Cmd {
	source, want, all, read, logs := m.source, m.page().want(), m.opts.Services, m.reads(), m.opts.Logs
	m.scanning = true
	return func() tea.Msg {
		s, err := source.Snapshot()
		msg := snapshotMsg{snapshot: s, want: want, read: read, err: err}
		if inspector, ok := source.(watch.Inspector); ok && err == nil {
			msg.inspection = inspector.Inspect(s.Participants, want)
		}
		if logs != nil && err == nil {
			msg.records, msg.logsErr = logs.Read(context.Background(), logtopics.Of(s.Participants))
		}
		if all != nil && err == nil {
			ctx, cancel := context.WithTimeout(context.Background(), readTimeout)
			defer cancel()
			msg.reading, msg.readErr = all.Read(ctx, read) // also if nothing is wanted: then it leaves
		}
		return msg
	}
}

// Update implements tea.Model.
func (m *Model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	var cmd tea.Cmd
	same := false // nothing that is shown changes
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
		m.live.picture = nil // it is made for the size
	case tea.ColorProfileMsg:
		m.profile = msg.Profile
	case tickMsg:
		same = true
		if msg.number == m.ticks && !m.scanning {
			cmd = m.scan()
		}
	case snapshotMsg:
		m.take(msg)
		m.scanning = false
		m.ticks++
		cmd = tea.Batch(m.opts.After(m.opts.Interval, tickMsg{m.ticks}), m.recorder.ask(m))
	case recordersMsg:
		same = slices.Equal(m.recorder.all, msg)
		m.recorder.take(m, msg)
	case feedMsg:
		cmd = m.live.opened(m, msg)
	case pollMsg:
		same = true
		cmd = m.live.poll(m, msg)
	case messageMsg:
		cmd = m.live.take(m, msg)
	case tea.KeyPressMsg:
		cmd = m.press(msg)
	case tea.PasteMsg:
		if m.prompt != nil {
			m.prompt.insert(msg.Content)
			m.typed()
		}
	case tea.MouseClickMsg:
		if msg.Button == tea.MouseLeft && m.prompt == nil {
			cmd = m.click(msg.X, msg.Y)
		}
	case tea.MouseWheelMsg:
		cmd = m.wheel(msg.Button)
	}
	if !same {
		m.drawn = ""
	}
	if m.loaded && m.err == nil && !m.scanning && (m.page().want()&^m.inspected != 0 || m.reads()&^m.read != 0) { // the page needs more than there is
		cmd = tea.Batch(cmd, m.scan())
	}
	return m, tea.Batch(cmd, m.live.sync(m))
}

// take takes a snapshot.
func (m *Model) take(l snapshotMsg) {
	m.err = l.err
	if l.err != nil {
		return
	}
	all := m.tracker.Add(l.snapshot)
	m.tellLiars(all.Topics)
	view := all
	if !m.opts.All {
		view = view.ForApplications()
	}
	news, grown := m.log.Add(m.tracker, view)
	m.recorder.follow(m, view, news)
	m.alerts.take(m, all)
	m.takeRecords(l.records, l.logsErr)
	health := m.pulse.Add(view, grown, l.inspection)
	if m.paused && m.loaded {
		m.fill(l)
		return
	}
	m.forgetLiars(all.Topics)
	m.alerts.show(all.At)
	m.recorder.show()
	m.processes.Add(l.inspection)
	m.history.Add(view)
	m.view, m.whole, m.inspection, m.health, m.loaded = view, all, l.inspection, health, true
	m.inspected, m.connections, m.calls = l.want, nil, nil
	m.services, m.goals, m.parameters = l.reading.Services(all, "**"), l.reading.Goals, l.reading.Parameters
	m.read, m.readErr = l.read, l.readErr
	m.refresh()
}

// refresh gives the page the figures that there are. Connections are made only where they are shown: of many topics there are many.
func (m *Model) refresh() {
	if m.page().want()&watch.WantConnections != 0 && m.connections == nil {
		if m.connections = m.tracker.Connections(m.view, m.inspection); !m.opts.All {
			m.calls = callsIn(m.tracker, m.whole, m.inspection)
		}
	}
	m.page().update(m)
}

// press handles a key. Those of the page come before those of the screen, but for the few that every page has.
func (m *Model) press(msg tea.KeyPressMsg) tea.Cmd {
	k := &m.keys
	switch {
	case key.Matches(msg, k.Interrupt):
		return tea.Quit
	case key.Matches(msg, k.Suspend):
		return tea.Suspend
	case m.prompt != nil:
		return m.pressPrompt(msg)
	}
	m.notice = notice{}
	if cmd, done := m.page().press(m, msg); done {
		return cmd
	}
	switch {
	case key.Matches(msg, k.Quit):
		return tea.Quit
	case key.Matches(msg, k.Back):
		m.escape()
	case key.Matches(msg, k.Views):
		m.show(m.roots[strings.Index(viewKeys, msg.String())])
	case key.Matches(msg, k.NextView):
		m.show(m.roots[(m.root()+1)%len(m.roots)])
	case key.Matches(msg, k.PreviousView):
		m.show(m.roots[(m.root()+len(m.roots)-1)%len(m.roots)])
	case key.Matches(msg, k.Help):
		if _, open := m.page().(*help); open {
			m.escape()
			break
		}
		return m.push(newHelp())
	case key.Matches(msg, k.Filter):
		if p, ok := m.filtered(); ok {
			m.prompt = &prompt{sign: "/", typed: p.Filter().Text}
		}
	case key.Matches(msg, k.Command):
		m.prompt = &prompt{sign: ":"}
	case key.Matches(msg, k.Pause):
		m.pause()
	case key.Matches(msg, k.Split):
		m.split = !m.split
	case key.Matches(msg, k.Columns):
		if p, ok := m.page().(tabular); ok {
			return m.push(columnsPage(m, p))
		}
	case key.Matches(msg, k.Save):
		m.saveTable("")
	case key.Matches(msg, k.Copy):
		if p, ok := m.page().(copied); ok {
			return m.copy(p.value())
		}
	case key.Matches(msg, k.CopyPath):
		if p, ok := m.page().(copied); ok {
			return m.copy(p.path())
		}
	case key.Matches(msg, k.Freeze):
		m.live.frozen = !m.live.frozen
	case key.Matches(msg, k.Diff):
		m.live.changes = !m.live.changes
		m.refresh()
	}
	return nil
}

// escape closes the page, and takes the filter away where none can be closed.
func (m *Model) escape() {
	if p, ok := m.filtered(); ok && p.Filter().Text != "" {
		p.SetFilter(table.Filter{})
		return
	}
	if !m.back() && m.page() != m.roots[0] {
		m.show(m.roots[0])
	}
}

// root returns the index of the view that the stack began with; that of the topics for a page of its own.
func (m *Model) root() int {
	for i, p := range m.roots {
		if p == m.stack[0] {
			return i
		}
	}
	return 0
}

func (m *Model) copy(s string) tea.Cmd {
	if s == "" {
		m.say(theme.Warning, "there is nothing to copy here")
		return nil
	}
	m.say(theme.Good, "copied "+text.Left(s, min(text.Width(s), 60)))
	return tea.SetClipboard(s)
}

// wheel scrolls by a few lines.
func (m *Model) wheel(button tea.MouseButton) (cmd tea.Cmd) {
	const lines = 3
	code := tea.KeyDown
	switch button {
	case tea.MouseWheelUp:
		code = tea.KeyUp
	case tea.MouseWheelDown:
	case tea.MouseWheelLeft:
		code = tea.KeyLeft
	case tea.MouseWheelRight:
		code = tea.KeyRight
	default:
		return nil
	}
	if m.prompt == nil {
		for range lines {
			cmd, _ = m.page().press(m, tea.KeyPressMsg{Code: code})
		}
	}
	return cmd
}
