package screen

import (
	"fmt"
	"strings"

	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/theme"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/watch"
	"github.com/shmbus/shmbus/registry"
)

// endpointLines describes the publishers and subscriptions of a topic.
func (m *Model) endpointLines(t watch.Topic) []string {
	var lines []string
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	add("Publishers: %d", len(t.Publishers))
	for i, p := range t.Publishers {
		if i > 0 {
			add("")
		}
		m.publisherLines(add, p)
	}
	add("")
	add("Subscriptions: %d", len(t.Subscribers))
	for i, s := range t.Subscribers {
		if i > 0 {
			add("")
		}
		m.subscriberLines(add, t, s)
	}
	return lines
}

func (m *Model) ownerLines(add func(string, ...any), owner registry.Participant, e registry.Endpoint) {
	kind := "any type"
	if !e.AnyType {
		kind = named(e.TypeName) + ", " + named(e.Encoding)
		if len(e.Schema) > 0 {
			kind += ", schema " + text.Bytes(uint64(len(e.Schema)))
		}
	}
	stopped := ""
	if owner.State == registry.StateStopped {
		stopped = "  " + m.styles.Paint(theme.Warning, "STOPPED")
	}
	add("  %s  pid %d%s  %s", named(owner.Unit), owner.PID, stopped, escape(owner.Executable))
	add("    %s   up %s", kind, text.Duration(m.view.At-int64(e.Since)))
}

func (m *Model) publisherLines(add func(string, ...any), p watch.Publisher) {
	e, f := p.Endpoint, p.Stats
	latched := ""
	if e.Latched {
		latched = "   latched"
	}
	m.ownerLines(add, p.Owner, e)
	add("    %s msg/s  %s   %s messages, %s", text.Rate(p.Rate), text.Bandwidth(p.Bandwidth), text.Count(f.Messages), text.Bytes(f.Bytes))
	add("    reaches %s   %s failed  %s waited", text.Many(f.Subscribers, "subscription"), text.Count(f.Failed), text.Count(f.Waited))
	file := ""
	if s, ok := m.inspection.Segments[e.ID]; ok {
		file = "   file " + bytesOr(s.File)
	}
	add("    depth %d   slots %s%s   payload limit %s%s", e.Depth, text.Bytes(f.Memory), file, text.Bytes(e.MaxPayload), latched)
}

func (m *Model) subscriberLines(add func(string, ...any), t watch.Topic, s watch.Subscriber) {
	e, f := s.Endpoint, s.Stats
	more := "   keep-last"
	if e.Lossless {
		more = "   lossless"
	}
	if s.Shared {
		more += "   figures of all its topics"
	}
	m.ownerLines(add, s.Owner, e)
	patterns := make([]string, len(e.Patterns))
	for i, p := range e.Patterns {
		patterns[i] = escape(p)
	}
	add("    asks for %s%s", strings.Join(patterns, ", "), more)
	for i := range m.connections {
		if c := &m.connections[i]; c.Topic == t.Name && c.Subscriber.Endpoint.ID == e.ID && c.Reason != "" {
			level := theme.Warning
			if c.State == watch.Refused {
				level = theme.Problem
			}
			add("    %s", m.styles.Paint(level, fmt.Sprintf("%s from %s: %s", strings.ToUpper(string(c.State)), sender(*c), escape(c.Reason))))
		}
	}
	add("    %s messages, %s   %s lost   %s undecodable", text.Count(f.Messages), text.Bytes(f.Bytes), text.Count(f.Lost), text.Count(f.DecodeErrors))
	if f.Stale > 0 || f.Filtered > 0 {
		add("    %s stale   %s filtered", text.Count(f.Stale), text.Count(f.Filtered))
	}
	add("    holds %s   lag %s   delay p50 %s, p99 %s, jitter %s", text.Count(f.Held), text.Count(f.Lag), text.Duration(s.P50), text.Duration(s.P99), text.Duration(s.Jitter()))
}
