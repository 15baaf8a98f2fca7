package screen

import (
	"fmt"
	"strings"

	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/watch"
	"github.com/shmbus/shmbus/registry"
)

func (m Model) detailView() string {
	lines := m.detailLines()
	return m.screenful(lines[min(m.scroll, len(lines)):], m.keys.detail())
}

// detailLines describes the picked topic, each line cut to the screen.
func (m Model) detailLines() []string {
	var lines []string
	add := func(format string, args ...any) {
		lines = append(lines, text.Left(fmt.Sprintf(format, args...), m.width))
	}
	t, ok := m.view.Find(m.picked)
	if !ok {
		add("%s is gone", text.Escape(m.picked))
		return lines
	}
	paused := ""
	if m.paused {
		paused = "  PAUSED"
	}
	add("%s  [%s]%s", text.Escape(t.Name), t.State, paused)
	lines[0] = m.styles.title.Render(lines[0])
	add("%s  %s  %s msg/s  %s", typeCell(t), text.Name(t.Encoding), text.Rate(t.Rate), text.Bandwidth(t.Bandwidth))
	newest := "-"
	if t.Last > 0 {
		newest = text.Duration(m.view.At-t.Last) + " ago"
	}
	add("newest %s, %s, largest %s   lost %s   delay p50 %s, p99 %s", newest, text.Bytes(t.Size), text.Bytes(t.MaxSize), t.LostText(), t.DelayText(t.P50), t.DelayText(t.P99))

	add("")
	add("Publishers: %d", len(t.Publishers))
	for _, p := range t.Publishers {
		add("")
		m.publisher(add, p)
	}
	add("")
	add("Subscriptions: %d", len(t.Subscribers))
	for _, s := range t.Subscribers {
		add("")
		m.subscriber(add, s)
	}
	return lines
}

func (m Model) owner(add func(string, ...any), owner registry.Participant, e registry.Endpoint) {
	kind := "any type"
	if !e.AnyType {
		kind = text.Name(e.TypeName) + ", " + text.Name(e.Encoding)
		if len(e.Schema) > 0 {
			kind += ", schema " + text.Bytes(uint64(len(e.Schema)))
		}
	}
	stopped := ""
	if owner.State == registry.StateStopped {
		stopped = "  STOPPED"
	}
	add("  %s  pid %d%s  %s", text.Escape(owner.Unit), owner.PID, stopped, text.Escape(owner.Executable))
	add("    %s   up %s", kind, text.Duration(m.view.At-int64(e.Since)))
}

func (m Model) publisher(add func(string, ...any), p watch.Publisher) {
	e, f := p.Endpoint, p.Stats
	latched := ""
	if e.Latched {
		latched = "   latched"
	}
	m.owner(add, p.Owner, e)
	add("    %s msg/s  %s   %s messages, %s", text.Rate(p.Rate), text.Bandwidth(p.Bandwidth), text.Count(f.Messages), text.Bytes(f.Bytes))
	add("    reaches %s   %s failed  %s waited", text.Many(f.Subscribers, "subscription"), text.Count(f.Failed), text.Count(f.Waited))
	add("    depth %d   slots %s   payload limit %s%s", e.Depth, text.Bytes(f.Memory), text.Bytes(e.MaxPayload), latched)
}

func (m Model) subscriber(add func(string, ...any), s watch.Subscriber) {
	e, f := s.Endpoint, s.Stats
	more := ""
	if e.Lossless {
		more = "   lossless"
	}
	if s.Shared {
		more += "   figures of all its topics"
	}
	m.owner(add, s.Owner, e)
	patterns := make([]string, len(e.Patterns))
	for i, p := range e.Patterns {
		patterns[i] = text.Escape(p)
	}
	add("    asks for %s%s", strings.Join(patterns, ", "), more)
	if s.Mismatch {
		add("    MISMATCH: expects another type and hears nothing")
	}
	add("    %s messages, %s   %s lost   %s undecodable", text.Count(f.Messages), text.Bytes(f.Bytes), text.Count(f.Lost), text.Count(f.DecodeErrors))
	if f.Stale > 0 || f.Filtered > 0 {
		add("    %s stale   %s filtered", text.Count(f.Stale), text.Count(f.Filtered))
	}
	add("    holds %s   lag %s   delay p50 %s, p99 %s", text.Count(f.Held), text.Count(f.Lag), text.Duration(s.P50), text.Duration(s.P99))
}
