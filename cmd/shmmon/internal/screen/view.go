package screen

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/charmbracelet/lipgloss"
	"github.com/charmbracelet/x/ansi"

	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/watch"
)

// The smallest screen that the table makes sense on.
const (
	minWidth  = 40
	minHeight = 6
)

// View implements tea.Model.
func (m Model) View() string {
	switch {
	case m.width == 0 || m.height == 0:
		return "" // the size of the terminal is on its way
	case m.width < minWidth || m.height < minHeight:
		need := text.Left(fmt.Sprintf("%dx%d is needed", minWidth, minHeight), m.width)
		if m.height == 1 {
			return need
		}
		return text.Left(fmt.Sprintf("%dx%d is too small,", m.width, m.height), m.width) + "\n" + need
	case m.mode == modeHelp:
		return m.helpView()
	case m.mode == modeDetail:
		return m.detailView()
	}
	return m.tableView()
}

// placed returns the columns that have room; one cell is for the cursor and two for the mark.
func (m *Model) placed() []placed { return place(m.columns, m.rows, m.width-3, m.sort) }

func (m Model) tableView() string {
	var b strings.Builder
	b.WriteString(m.titleLine() + "\n")
	shown := m.placed()
	b.WriteString(m.headLine(shown) + "\n")
	page := m.page()
	for i := m.top; i < m.top+page; i++ {
		switch {
		case i < len(m.rows):
			b.WriteString(m.row(m.rows[i], shown, i == m.cursor))
		case i == 0:
			b.WriteString("   " + m.styles.faint.Render(text.Left(m.nothing(), m.width-3)))
		}
		b.WriteString("\n")
	}
	b.WriteString(m.footLine())
	return b.String()
}

// nothing says why there are no rows.
func (m Model) nothing() string {
	switch {
	case !m.loaded:
		return "looking…"
	case len(m.view.Topics) > 0:
		return "no topic matches the filter; esc clears it"
	case len(m.view.Participants) > 0:
		return "no topics yet"
	}
	if m.view.Missing {
		return "no such directory yet: " + text.Escape(m.opts.Domain)
	}
	return "no topics, no participants in this domain"
}

func (m Model) titleLine() string {
	right := fmt.Sprintf("%s msg/s  %s", text.Rate(m.view.Rate), text.Bandwidth(m.view.Bandwidth))
	if m.paused {
		right = "PAUSED  " + right
	}
	shown, all := watch.Present(m.rows), watch.Present(m.view.Topics)
	topics := text.Many(all, "topic")
	if shown != all {
		topics = fmt.Sprintf("%d of %s", shown, topics)
	}
	middle := fmt.Sprintf("  %s  %s  ", topics, text.Many(len(m.view.Participants), "process"))
	room := m.width - text.Width(middle) - text.Width(right)
	if room < 12 {
		middle, room = "  ", m.width-2-text.Width(right)
	}
	left := text.Escape(m.opts.Domain)
	return m.styles.title.Render(text.Middle(left, min(room, text.Width(left)))) + middle +
		strings.Repeat(" ", max(0, room-text.Width(left))) + right
}

// headLine writes the heads, which are ASCII and no wider than their columns. The arrow of the sorted column takes the
// space beside its head.
func (m Model) headLine(shown []placed) string {
	line := "  "
	from, to := 0, 0
	for i, p := range shown {
		c := m.columns[p.index]
		if line += " "; i > 0 {
			line += strings.Repeat(" ", gap-1)
		}
		start := len(line)
		if c.left {
			line += text.Left(c.head, p.width)
		} else {
			line += text.Right(c.head, p.width)
			start = len(line) - len(c.head)
		}
		if p.index == m.sort {
			from, to = start, start+len(c.head)
		}
	}
	c, s := m.columns[m.sort], m.styles
	arrow := "↓" // figures begin with the greatest
	if c.left != m.reverse {
		arrow = "↑"
	}
	if c.left {
		return s.head.Render(line[:from]) + s.sorted.Render(c.head+arrow) + s.head.Render(line[to+1:])
	}
	return s.head.Render(line[:from-1]) + s.sorted.Render(arrow+c.head) + s.head.Render(line[to:])
}

func (m Model) row(t watch.Topic, shown []placed, cursor bool) string {
	cells := make([]string, len(shown))
	for i, p := range shown {
		c := m.columns[p.index]
		cells[i] = c.fit(c.cell(t), p.width)
	}
	line := mark(t) + " " + strings.Join(cells, strings.Repeat(" ", gap))
	if cursor {
		return m.styles.cursor.Render(text.Left(">"+line, m.width))
	}
	style, ok := m.styles.states[t.State]
	if t.Mismatched > 0 {
		style, ok = m.styles.bad, true
	}
	if ok {
		line = style.Render(line)
	}
	return " " + line
}

func (m Model) footLine() string {
	if m.mode == modeFilter {
		keys := m.keyLine(m.keys.filtering(), m.width/2)
		room := m.width - lipgloss.Width(keys) - 4
		typed := m.filter
		for text.Width(typed) > room { // the end is where one types
			_, n := utf8.DecodeRuneInString(typed)
			typed = typed[n:]
		}
		return m.styles.key.Render("/") + text.Left(typed+"▏", room+1) + "  " + keys
	}
	if m.err != nil {
		return m.styles.bad.Render(text.Left(text.Escape(m.err.Error()), m.width))
	}
	foot := ""
	if f := m.filter; f != "" {
		foot = m.styles.key.Render(text.Left("/"+f, min(text.Width(f)+1, m.width/3))) + "  "
	}
	if n := len(m.view.Problems); n > 0 {
		foot += m.styles.bad.Render(fmt.Sprintf("%d left out, see 'shmmon ps'", n)) + "  "
	}
	return foot + m.keyLine(m.keys.table(), m.width-text.Width(foot))
}

func (m Model) helpView() string {
	h := m.help
	lines := []string{m.styles.title.Render("Keys"), ""}
	lines = append(lines, strings.Split(h.FullHelpView(m.keys.all()), "\n")...)
	lines = append(lines, "")
	lines = append(lines, strings.Split(marks, "\n")...)
	for i, l := range lines {
		if text.Width(l) > m.width {
			lines[i] = text.Left(l, m.width)
		}
	}
	return m.screenful(lines, bindings{m.keys.Back, m.keys.Quit})
}

// screenful puts lines above a line of help, which is always the last of the screen.
func (m Model) screenful(lines []string, keys bindings) string {
	page := m.height - 1
	lines = append(lines[:min(len(lines), page):min(len(lines), page)], make([]string, max(0, page-len(lines)))...)
	return strings.Join(lines, "\n") + "\n" + m.keyLine(keys, m.width)
}

// keyLine is the short help in at most width cells, which the help alone does not promise.
func (m Model) keyLine(keys bindings, width int) string {
	h := m.help
	h.Width = width
	return ansi.Truncate(h.ShortHelpView(keys), width, "…")
}
