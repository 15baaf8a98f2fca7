package screen

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/table"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/theme"
)

// A prompt is what is being typed on the last line: a filter after "/", or a command after ":".
type prompt struct{ sign, typed string }

// insert appends what is visible of s.
func (p *prompt) insert(s string) {
	for _, r := range s {
		if unicode.IsPrint(r) && len(p.typed)+utf8.RuneLen(r) <= table.MaxFilter {
			p.typed += string(r)
		}
	}
}

// pressPrompt handles a key while something is typed.
func (m *Model) pressPrompt(msg tea.KeyPressMsg) tea.Cmd {
	p := m.prompt
	switch {
	case key.Matches(msg, m.keys.Open):
		m.prompt = nil
		if p.sign == ":" {
			return m.command(p.typed)
		}
		return nil
	case key.Matches(msg, m.keys.Back):
		m.prompt = nil
		if f, ok := m.filtered(); ok && p.sign == "/" {
			f.SetFilter(table.Filter{})
		}
		return nil
	case key.Matches(msg, m.keys.NextView) && p.sign == ":":
		p.typed = complete(p.typed)
	case msg.String() == "backspace":
		_, n := utf8.DecodeLastRuneInString(p.typed)
		p.typed = p.typed[:len(p.typed)-n]
	case msg.String() == "ctrl+u":
		p.typed = ""
	default:
		p.insert(msg.Text)
	}
	m.typed()
	return nil
}

// typed applies a filter while it is typed.
func (m *Model) typed() {
	if f, ok := m.filtered(); ok && m.prompt.sign == "/" {
		f.SetFilter(table.NewFilter(m.prompt.typed))
	}
}

// line is the last line of the screen while something is typed.
func (p *prompt) line(m *Model) string {
	hint := "enter applies  esc clears"
	if p.sign == ":" {
		hint = commandHint(p.typed)
	}
	hint = text.Left(hint, min(text.Width(hint), m.width/2))
	room := m.width - text.Width(hint) - 4
	typed := p.typed
	for text.Width(typed) > room { // the end is where one types
		_, n := utf8.DecodeRuneInString(typed)
		typed = typed[n:]
	}
	line := m.styles.Key.Render(p.sign) + typed + "▏"
	return line + strings.Repeat(" ", max(1, m.width-text.Width(line)-text.Width(hint))) + m.styles.Paint(theme.Faint, hint)
}
