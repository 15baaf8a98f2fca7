package screen

import (
	"fmt"
	"strings"

	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/theme"
)

// A part is a piece of the header.
type part struct {
	text  string
	level theme.Level
}

// header says in one line whether all is well: first what is wrong, then the figures of the whole domain, as far as there is room.
func (m *Model) header() string {
	var b strings.Builder
	room := m.width
	for i, p := range m.headerParts() {
		gap := 0
		if i > 0 {
			gap = 2
		}
		n := text.Width(p.text)
		if n+gap > room {
			if i > 0 {
				break
			}
			p.text = text.Left(p.text, room)
		}
		b.WriteString(strings.Repeat(" ", gap) + m.styles.Paint(p.level, p.text))
		room -= n + gap
	}
	if dir := escape(m.opts.Domain); room >= 14 && dir != "" {
		dir = text.Middle(dir, min(room-2, text.Width(dir)))
		b.WriteString(strings.Repeat(" ", room-text.Width(dir)) + m.styles.Paint(theme.Faint, dir))
	}
	return b.String()
}

func (m *Model) headerParts() (parts []part) {
	h := &m.health
	add := func(level theme.Level, format string, args ...any) {
		parts = append(parts, part{fmt.Sprintf(format, args...), level})
	}
	if m.paused {
		add(theme.Warning, "PAUSED")
	}
	switch {
	case !m.loaded:
		add(theme.Faint, "looking…")
		return parts
	case m.view.Missing || h.Processes+h.Dead == 0 && h.OK():
		add(theme.Faint, "● nothing here")
	case h.OK() && (len(m.recorder.all) == 0 || m.recorder.all[0].Trouble() == 0):
		add(theme.Good, "● all is well")
	}
	fault := func(n uint64, level theme.Level, what string) {
		if n > 0 {
			add(level, "▲ %s %s", text.Count(n), what)
		}
	}
	if h.NearlyFull() {
		add(theme.Problem, "▲ tmpfs %.0f%% free", 100*h.Free)
	}
	fault(h.Lost, theme.Problem, "lost")
	fault(uint64(h.Mismatched), theme.Problem, "mismatched")
	fault(h.Undecodable, theme.Problem, "undecodable")
	fault(h.Failed, theme.Problem, "failed")
	fault(uint64(h.Dead), theme.Warning, "dead")
	fault(uint64(h.Stopped), theme.Warning, "stopped")
	fault(uint64(h.Stale), theme.Warning, "stale")
	fault(uint64(h.Left), theme.Warning, "unreadable")
	if all := m.recorder.all; len(all) > 0 && m.height < roomForRecorder {
		add(recorderVerdict(&all[0]))
	}
	add(theme.Plain, "%s", text.Many(h.Topics, "topic"))
	add(theme.Plain, "%s", text.Many(h.Processes, "process"))
	add(theme.Plain, "%s msg/s", text.Rate(h.Rate))
	add(theme.Plain, "%s", text.Bandwidth(h.Bandwidth))
	if h.Worst >= 0 {
		add(theme.Plain, "p99 %s", text.Duration(h.Worst))
	}
	if h.Free >= 0 && !h.NearlyFull() {
		add(theme.Plain, "tmpfs %.0f%% free", 100*h.Free)
	}
	return parts
}
