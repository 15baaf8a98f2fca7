package screen

import (
	"fmt"
	"strings"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/theme"
)

// The smallest screen that a table makes sense on.
const (
	minWidth  = 40
	minHeight = 6
)

// above is the number of lines above the page: the health, the views, and the recorder while one runs.
func (m *Model) above() int { return 2 + len(m.recorderLines()) }

// View implements tea.Model. It is called after each message, also those that change nothing.
func (m *Model) View() tea.View {
	if m.drawn == "" {
		m.drawn = m.content()
	}
	v := tea.NewView(m.drawn)
	v.AltScreen, v.MouseMode, v.WindowTitle = true, tea.MouseModeCellMotion, "shmmon"
	return v
}

// content is the whole screen.
func (m *Model) content() string {
	s := ""
	switch {
	case m.width == 0 || m.height == 0: // the size of the terminal is on its way
	case m.width < minWidth || m.height < minHeight:
		s = m.tooSmall()
	default:
		lines := append(append(append([]string{m.header()}, m.recorderLines()...), m.tabs()), m.body()...)
		s = strings.Join(append(lines, m.foot()), "\n")
	}
	if m.opts.ASCII {
		s = theme.ASCII(s)
	}
	return s
}

func (m *Model) tooSmall() string {
	need := text.Left(fmt.Sprintf("%dx%d is needed", minWidth, minHeight), m.width)
	if m.height == 1 {
		return need
	}
	return text.Left(fmt.Sprintf("%dx%d is too small,", m.width, m.height), m.width) + "\n" + need
}

// body is the page, with the newest message beside or below it if the screen is split.
func (m *Model) body() []string {
	w, h := m.width, m.height-m.above()-1
	p, beside := m.pagePlace()
	lines := m.exactly(m.page().lines(m, p.w, p.h), p.w, p.h)
	switch {
	case !m.split || p.w == w && p.h == h:
		return lines
	case beside:
		right := m.exactly(m.live.lines(m, w-p.w-2, h), w-p.w-2, h)
		for i := range lines {
			lines[i] += strings.Repeat(" ", p.w-text.Width(lines[i])) + m.styles.Paint(theme.Faint, "│") + " " + right[i]
		}
		return lines
	}
	lines = append(lines, m.styles.Paint(theme.Faint, strings.Repeat("─", w)))
	return append(lines, m.exactly(m.live.lines(m, w, h-p.h-1), w, h-p.h-1)...)
}

type size struct{ w, h int }

// pagePlace returns the size of the page, and whether the message is beside it or, on a narrow screen, below.
func (m *Model) pagePlace() (p size, beside bool) {
	p = size{m.width, m.height - m.above() - 1}
	if _, own := m.page().(*detail); !m.split || own || p.h < 8 {
		return p, false // the detail has the message anyway
	}
	if m.width >= 100 {
		return size{m.width * 3 / 5, p.h}, true
	}
	return size{p.w, p.h / 2}, false
}

// exactly makes h lines of at most w cells of the lines that there are.
func (m *Model) exactly(lines []string, w, h int) []string {
	all := make([]string, h)
	for i := range min(h, len(lines)) {
		all[i] = ansi.Truncate(lines[i], w, "")
	}
	return all
}

// A tab is the name of a view on the second line, with the cells that it takes.
type tab struct {
	text     string
	from, to int
}

// tabs names the views, or the pages that led to the one that is shown.
func (m *Model) tabs() string {
	if len(m.stack) > 1 {
		return m.breadcrumbs()
	}
	var b strings.Builder
	for i, t := range m.tabList() {
		b.WriteString(strings.Repeat(" ", t.from-text.Width(ansi.Strip(b.String()))))
		if m.roots[i] == m.page() {
			b.WriteString(m.styles.Tab.Render(t.text))
		} else {
			b.WriteString(m.styles.Paint(theme.Faint, t.text))
		}
	}
	return b.String()
}

// shortTitles are the titles of the views, in their order, where there is little room.
func shortTitles() [len(viewKeys)]string {
	return [...]string{"Topics", "Conn", "Proc", "Graph", "Mem", "Log", "Detail", "Help", "Serv", "Goals", "Par"}
}

// tabList places the views: in full; short, with that in full which is shown if there is room; or by their keys alone but for that.
func (m *Model) tabList() []tab {
	short := shortTitles()
	full := func(i int) string { return " " + m.roots[i].title() }
	shortened := func(i int) string { return " " + short[i] }
	onlyShown := func(other func(i int) string) func(i int) string {
		return func(i int) string {
			if m.roots[i] == m.page() {
				return full(i)
			}
			return other(i)
		}
	}
	keys := onlyShown(func(int) string { return "" })
	var all []tab
	for _, form := range []struct {
		gap   int
		title func(i int) string
	}{{2, full}, {1, full}, {1, onlyShown(shortened)}, {1, shortened}, {1, keys}} {
		all = all[:0]
		at := 0
		for i := range m.roots {
			t := viewKeys[i:i+1] + form.title(i)
			all = append(all, tab{t, at, at + len(t)})
			at += len(t) + form.gap
		}
		if at-form.gap <= m.width {
			break
		}
	}
	return all
}

func (m *Model) breadcrumbs() string {
	var b strings.Builder
	for i, p := range m.stack {
		if i > 0 {
			b.WriteString(" › ")
		}
		b.WriteString(p.title())
	}
	return m.styles.Title.Render(text.Middle(b.String(), min(m.width, text.Width(b.String()))))
}

// click handles a click at a cell of the screen.
func (m *Model) click(x, y int) tea.Cmd {
	m.notice = notice{}
	p, _ := m.pagePlace()
	above := m.above()
	switch {
	case m.width < minWidth || m.height < minHeight:
	case y == above-1 && len(m.stack) > 1:
		m.back()
	case y == above-1:
		for i, t := range m.tabList() {
			if x >= t.from && x < t.to {
				m.show(m.roots[i])
			}
		}
	case y >= above && y < above+p.h && x < p.w:
		return m.page().click(m, x, y-above)
	}
	return nil
}

// foot is the last line: what is typed, an error, a notice, or the keys.
func (m *Model) foot() string {
	switch {
	case m.prompt != nil:
		return m.prompt.line(m)
	case m.err != nil:
		return m.styles.Paint(theme.Problem, text.Left(escape(m.err.Error()), m.width))
	case m.notice.text != "":
		return m.styles.Paint(m.notice.level, text.Left(escape(m.notice.text), m.width))
	}
	foot := ""
	if p, ok := m.filtered(); ok && p.Filter().Text != "" {
		shown, all := p.Count()
		f := escape(p.Filter().Text)
		foot = m.styles.Key.Render("/"+text.Left(f, min(text.Width(f), m.width/3))) + fmt.Sprintf(" %d of %d  ", shown, all)
	}
	return foot + m.keyLine(m.page().hints(&m.keys), m.width-text.Width(foot))
}

// keyLine names keys in at most width cells.
func (m *Model) keyLine(keys []key.Binding, width int) string {
	var b strings.Builder
	for i, k := range keys {
		if i > 0 {
			b.WriteString("  ")
		}
		h := k.Help()
		what, _, _ := strings.Cut(h.Desc, ";")
		what, _, _ = strings.Cut(what, ":")
		b.WriteString(m.styles.Key.Render(h.Key) + " " + m.styles.Paint(theme.Faint, what))
	}
	return ansi.Truncate(b.String(), max(0, width), "…")
}

// longest is the number of bytes of a name that are shown. Names of a domain have at most 255, so only what breaks the rules is cut.
const longest = 1024

// escape makes a text of another process safe for a terminal, in limited time.
func escape(s string) string {
	if len(s) > longest {
		return text.Escape(s[:longest]) + "…"
	}
	return text.Escape(s)
}

// named is escape for a name that may be empty, which is shown as "-".
func named(s string) string {
	if s == "" {
		return "-"
	}
	return escape(s)
}
