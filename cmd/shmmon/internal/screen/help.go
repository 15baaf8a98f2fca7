package screen

import (
	"fmt"
	"strings"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/watch"
)

// A help is the page that explains keys, commands, marks and columns. It is made of what the program itself uses.
type help struct{ scroll scroller }

func newHelp() *help { return &help{} }

func (h *help) title() string                  { return "Help" }
func (h *help) update(*Model)                  {}
func (h *help) want() watch.Want               { return 0 }
func (h *help) click(*Model, int, int) tea.Cmd { return nil }
func (h *help) hints(k *keyMap) []key.Binding {
	return []key.Binding{k.Back, k.Up, k.Down, k.PageDown, k.Quit}
}
func (h *help) lines(m *Model, w, height int) []string {
	return h.scroll.window(m.helpLines(w), w, height)
}

func (h *help) press(m *Model, msg tea.KeyPressMsg) (tea.Cmd, bool) {
	return nil, h.scroll.press(&m.keys, msg)
}

// helpLines writes the help in w cells. The columns of the page that it was opened from come first.
func (m *Model) helpLines(w int) (lines []string) {
	title := func(s string) {
		if len(lines) > 0 {
			lines = append(lines, "")
		}
		lines = append(lines, m.styles.Title.Render(s))
	}
	explain := func(sign, key string, width int, about string) {
		lead := fmt.Sprintf("%2s%s  ", sign, m.styles.Key.Render(text.Left(key, width)))
		for _, l := range strings.Split(ansi.Wrap(about, max(8, w-width-4), ""), "\n") {
			lines = append(lines, lead+l)
			lead = strings.Repeat(" ", width+4)
		}
	}
	columns := func(p page) {
		d, ok := p.(described)
		if !ok {
			return
		}
		hidden := false
		title("Columns of " + p.title())
		for _, c := range d.describe() {
			sign := " "
			if c.mark == "[ ]" {
				sign, hidden = "-", true
			}
			explain(sign, c.head, 11, c.about)
		}
		if hidden {
			explain("", "-", 1, "before a column: it is not shown until it is chosen with c")
		}
	}
	marks := func() {
		title("Marks before a topic")
		for _, l := range topicMarks() {
			explain("", l[:1], 1, strings.TrimSpace(l[1:]))
		}
	}
	var from page
	if n := len(m.stack); n > 1 {
		from = m.stack[n-2]
		if columns(from); from == m.roots[0] {
			marks()
		}
	}
	for _, g := range m.keys.groups() {
		title(g.title)
		for _, k := range g.keys {
			explain("", k.Help().Key, 11, k.Help().Desc)
		}
	}
	title("Commands after :")
	for _, c := range commands() {
		explain("", c.name+" "+c.args, 16, c.about)
	}
	if from != m.roots[0] {
		marks()
	}
	for _, p := range m.roots {
		if p != from {
			columns(p)
		}
	}
	return lines
}
