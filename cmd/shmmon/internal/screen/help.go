package screen

import (
	"fmt"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

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

func (m *Model) helpLines(w int) (lines []string) {
	title := func(s string) {
		if len(lines) > 0 {
			lines = append(lines, "")
		}
		lines = append(lines, m.styles.Title.Render(s))
	}
	for _, g := range m.keys.groups() {
		title(g.title)
		for _, k := range g.keys {
			lines = append(lines, fmt.Sprintf("  %s  %s", m.styles.Key.Render(text.Left(k.Help().Key, 11)), k.Help().Desc))
		}
	}
	title("Commands after :")
	for _, c := range commands() {
		lines = append(lines, fmt.Sprintf("  %s  %s", m.styles.Key.Render(text.Left(c.name+" "+c.args, 16)), c.about))
	}
	title("Marks before a topic")
	for _, l := range topicMarks() {
		lines = append(lines, "  "+l)
	}
	for _, p := range m.roots {
		d, ok := p.(described)
		if !ok {
			continue
		}
		title("Columns of " + p.title())
		for _, c := range d.describe() {
			sign := " "
			if c.mark == "[ ]" {
				sign = "-"
			}
			lines = append(lines, fmt.Sprintf(" %s%s  %s", sign, m.styles.Key.Render(text.Left(c.head, 11)), c.about))
		}
	}
	lines = append(lines, "", "- before a column: it is not shown until it is chosen with c")
	return lines
}
