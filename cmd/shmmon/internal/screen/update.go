package screen

import (
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"
)

// Update implements tea.Model.
func (m Model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
		m.help.Width = msg.Width
		m.moveTo(m.cursor)
		m.scroll = 0
	case tickMsg:
		return m, m.scan()
	case snapshotMsg:
		m.take(msg)
		return m, tea.Tick(m.opts.Interval, tick)
	case tea.KeyMsg:
		if key.Matches(msg, m.keys.Interrupt) {
			return m, tea.Quit
		}
		switch m.mode {
		case modeFilter:
			return m.typeFilter(msg)
		case modeHelp:
			return m.readHelp(msg)
		case modeDetail:
			return m.readDetail(msg)
		}
		return m.steer(msg)
	}
	return m, nil
}

// take takes a snapshot. Scans go on while the table is paused, so that rates are right when it moves again.
func (m *Model) take(l snapshotMsg) {
	m.err = l.err
	if l.err != nil {
		return
	}
	view := m.tracker.Add(l.snapshot)
	if m.paused && m.loaded {
		return
	}
	m.view, m.loaded = view, true
	m.arrange()
}

func (m Model) steer(msg tea.KeyMsg) (tea.Model, tea.Cmd) {
	k := m.keys
	switch {
	case key.Matches(msg, k.Quit):
		return m, tea.Quit
	case key.Matches(msg, k.Up):
		m.moveTo(m.cursor - 1)
	case key.Matches(msg, k.Down):
		m.moveTo(m.cursor + 1)
	case key.Matches(msg, k.PageUp):
		m.moveTo(m.cursor - m.page())
	case key.Matches(msg, k.PageDown):
		m.moveTo(m.cursor + m.page())
	case key.Matches(msg, k.Top):
		m.moveTo(0)
	case key.Matches(msg, k.Bottom):
		m.moveTo(len(m.rows) - 1)
	case key.Matches(msg, k.Open):
		if m.picked != "" {
			m.mode, m.scroll = modeDetail, 0
		}
	case key.Matches(msg, k.Back):
		m.filter = ""
		m.arrange()
	case key.Matches(msg, k.Filter):
		m.mode = modeFilter
	case key.Matches(msg, k.SortNext):
		m.sortBy((m.sort + 1) % len(m.columns))
	case key.Matches(msg, k.SortPrevious):
		m.sortBy((m.sort + len(m.columns) - 1) % len(m.columns))
	case key.Matches(msg, k.SortColumn):
		if shown := m.placed(); int(msg.String()[0]-'1') < len(shown) {
			m.sortBy(shown[msg.String()[0]-'1'].index)
		}
	case key.Matches(msg, k.Reverse):
		m.reverse = !m.reverse
		m.arrange()
	case key.Matches(msg, k.Pause):
		m.paused = !m.paused
	case key.Matches(msg, k.Help):
		m.before, m.mode = m.mode, modeHelp
	}
	return m, nil
}

// sortBy sorts by a column, the other way round when it is that already.
func (m *Model) sortBy(column int) {
	m.reverse = m.sort == column && !m.reverse
	m.sort = column
	m.arrange()
}

// maxFilter is how long a filter may be, as long as the longest name.
const maxFilter = 255

func (m Model) typeFilter(msg tea.KeyMsg) (tea.Model, tea.Cmd) {
	switch {
	case key.Matches(msg, m.keys.Apply):
		m.mode = modeTable
	case key.Matches(msg, m.keys.Back):
		m.mode, m.filter = modeTable, ""
	case key.Matches(msg, m.keys.Erase):
		_, n := utf8.DecodeLastRuneInString(m.filter)
		m.filter = m.filter[:len(m.filter)-n]
	case key.Matches(msg, m.keys.EraseAll):
		m.filter = ""
	case (msg.Type == tea.KeyRunes || msg.Type == tea.KeySpace) && !msg.Alt:
		for _, r := range msg.Runes {
			if unicode.IsPrint(r) && len(m.filter)+utf8.RuneLen(r) <= maxFilter {
				m.filter += string(r)
			}
		}
	}
	m.arrange()
	return m, nil
}

func (m Model) readHelp(msg tea.KeyMsg) (tea.Model, tea.Cmd) {
	switch {
	case key.Matches(msg, m.keys.Quit):
		return m, tea.Quit
	case key.Matches(msg, m.keys.Help, m.keys.Back):
		m.mode = m.before
	}
	return m, nil
}

func (m Model) readDetail(msg tea.KeyMsg) (tea.Model, tea.Cmd) {
	k := m.keys
	last := max(0, len(m.detailLines())-m.height+1)
	switch {
	case key.Matches(msg, k.Quit):
		return m, tea.Quit
	case key.Matches(msg, k.Back, k.Open):
		m.mode = modeTable
	case key.Matches(msg, k.Up):
		m.scroll--
	case key.Matches(msg, k.Down):
		m.scroll++
	case key.Matches(msg, k.PageUp):
		m.scroll -= m.height - 1
	case key.Matches(msg, k.PageDown):
		m.scroll += m.height - 1
	case key.Matches(msg, k.Top):
		m.scroll = 0
	case key.Matches(msg, k.Bottom):
		m.scroll = last
	case key.Matches(msg, k.Pause):
		m.paused = !m.paused
	case key.Matches(msg, k.Help):
		m.before, m.mode = m.mode, modeHelp
	}
	m.scroll = max(0, min(m.scroll, last))
	return m, nil
}

func tick(time.Time) tea.Msg { return tickMsg{} }
