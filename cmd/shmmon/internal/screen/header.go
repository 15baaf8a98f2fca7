package screen

import (
	"fmt"
	"strings"

	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/rules"
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
	recording := m.recorder.shown
	switch {
	case !m.loaded:
		add(theme.Faint, "looking…")
		return parts
	case m.view.Missing || h.Processes+h.Dead+len(recording) == 0 && m.well():
		add(theme.Faint, "● nothing here")
	case m.well() && (len(recording) == 0 || recording[0].Trouble() == 0):
		add(theme.Good, "● all is well")
	}
	if m.alerts.monitor != nil {
		parts = append(parts, m.alerts.parts()...)
	} else {
		parts = append(parts, m.faults()...)
	}
	if h.Left > 0 {
		add(theme.Warning, "▲ %d unreadable", h.Left)
	}
	if len(recording) > 0 && m.height < roomForRecorder {
		add(recorderVerdict(&recording[0]))
	}
	add(theme.Plain, "%s", text.Many(h.Topics, "topic"))
	add(theme.Plain, "%s", text.Many(h.Processes, "process"))
	add(theme.Plain, "%s msg/s", text.Rate(h.Rate))
	add(theme.Plain, "%s", text.Bandwidth(h.Bandwidth))
	if h.Worst >= 0 {
		add(theme.Plain, "p99 %s", text.Duration(h.Worst))
	}
	if h.Free >= 0 && !(h.NearlyFull() && m.alerts.monitor == nil) && len(m.alerts.shown[rules.Free]) == 0 {
		add(theme.Plain, "tmpfs %.0f%% free", 100*h.Free)
	}
	return parts
}

// well reports whether all rules of the user are kept, or without rules whether nothing is wrong.
func (m *Model) well() bool {
	if m.alerts.monitor != nil {
		return len(m.alerts.shown) == 0 && m.health.Left == 0
	}
	return m.health.OK() && len(m.liars) == 0
}

// faults are the pieces of the header about what is wrong, the worst first.
func (m *Model) faults() (parts []part) {
	h := &m.health
	fault := func(n uint64, level theme.Level, what string) {
		if n > 0 {
			parts = append(parts, part{"▲ " + text.Count(n) + " " + what, level})
		}
	}
	if h.NearlyFull() {
		parts = append(parts, part{fmt.Sprintf("▲ tmpfs %.0f%% free", 100*h.Free), theme.Problem})
	}
	fault(h.Lost, theme.Problem, "lost")
	fault(uint64(h.Mismatched), theme.Problem, "mismatched")
	fault(h.Undecodable, theme.Problem, "undecodable")
	fault(uint64(len(m.liars)), theme.Problem, "not of the announced type")
	fault(h.Failed, theme.Problem, "failed")
	fault(uint64(h.Dead), theme.Warning, "dead")
	fault(uint64(h.Stopped), theme.Warning, "stopped")
	fault(uint64(h.Stale), theme.Warning, "stale")
	return parts
}
