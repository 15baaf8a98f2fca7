package screen

import (
	"fmt"
	"slices"
	"strconv"

	tea "charm.land/bubbletea/v2"

	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/table"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/theme"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/watch"
	"github.com/shmbus/shmbus/registry"
)

type connection = watch.Connection

func connectionsPage(m *Model, title string) *tablePage[connection] {
	return &tablePage[connection]{
		name: title, wants: watch.WantConnections,
		Table: &table.Table[connection]{
			Columns: connectionColumns(m), Key: connectionKey, Sign: signOfConnection,
			Group: func(c connection) string { return c.Topic },
			Texts: func(c connection) []string {
				return []string{m.nameOf(c), sender(c), receiver(c), string(c.State), c.Policy()}
			},
			Nothing: func() string {
				if m.loaded && len(m.connections)+len(m.calls) > 0 {
					return "no connection matches the filter; esc clears it"
				}
				return "no publisher has a subscription yet"
			},
		},
		rows: func(m *Model) []connection { return slices.Concat(m.connections, m.calls) },
		of: func(c connection) string {
			if m.serviceOf(c) != "" {
				return ""
			}
			return c.Topic
		},
		open: func(m *Model, c connection) tea.Cmd {
			if name := m.serviceOf(c); name != "" {
				return m.opened.services.openFor(m, "service "+escape(name), func(s serviceRow) bool { return s.Name == name })
			}
			return m.openTopic(c.Topic)
		},
		note: func(m *Model, c connection) string { return connectionNote(&c) },
	}
}

func connectionKey(c connection) string {
	return fmt.Sprint(c.Topic, "\x00", c.Publisher.Endpoint.ID, "\x00", c.Subscriber.Endpoint.ID)
}

func sender(c connection) string   { return named(c.Publisher.Owner.Unit) }
func receiver(c connection) string { return named(c.Subscriber.Owner.Unit) }

func connectionColumns(m *Model) []table.Column[connection] {
	about := func(known bool, s string) string {
		if !known {
			return "~" + s
		}
		return s
	}
	delay := func(head, name, meaning string, drop int, of func(connection) int64) table.Column[connection] {
		return table.Column[connection]{Head: head, About: meaning, Width: 8, Drop: drop, Order: table.Most(of),
			Saved: func(c connection) []table.Saved {
				return []table.Saved{{Name: name, Value: known(of(c))}, {Name: "latency_shared", Value: c.Shared}}
			},
			Cell: func(c connection) string { return about(!c.Shared || of(c) < 0, text.Duration(of(c))) }}
	}
	return []table.Column[connection]{
		{Head: "TOPIC", Saved: saved("topic", func(c connection) any { return c.Topic }), About: "name; of a service: the requests of a client to a server", Width: 18, Grow: true, Left: true,
			Cell: m.nameOf, Order: table.Names(m.nameOf)},
		{Head: "FROM", Saved: func(c connection) []table.Saved { return savedEnd("publisher", c.Publisher.Owner) }, About: "unit of the publisher", Width: 8, Grow: true, Left: true, Cell: sender},
		{Head: "TO", Saved: func(c connection) []table.Saved { return savedEnd("subscriber", c.Subscriber.Owner) }, About: "unit of the subscription", Width: 8, Grow: true, Left: true, Cell: receiver},
		{Head: "STATE", Saved: func(c connection) []table.Saved {
			return []table.Saved{{Name: "state", Value: string(c.State)}, {Name: "why", Value: c.Reason}}
		}, About: "connected; refused: the types do not fit; not linked; stopped", Width: 10, Left: true,
			Cell: func(c connection) string { return string(c.State) }},
		{Head: "POLICY", Saved: saved("policy", func(c connection) any { return c.Policy() }), About: "keep-last: a slow subscription loses the oldest; lossless: the publisher waits", Width: 9, Left: true, Drop: 6,
			Cell: func(c connection) string { return c.Policy() }},
		{Head: "DEPTH", Saved: saved("depth", func(c connection) any { return c.Publisher.Endpoint.Depth }), About: "messages that the publisher keeps", Width: 5, Drop: 8,
			Cell:  func(c connection) string { return strconv.FormatUint(uint64(c.Publisher.Endpoint.Depth), 10) },
			Order: table.Most(func(c connection) uint32 { return c.Publisher.Endpoint.Depth })},
		{Head: "MSG/S", Saved: saved("rate", func(c connection) any { return c.Publisher.Rate }), About: "of the publisher", Width: 6, Drop: 7,
			Cell:  func(c connection) string { return text.Rate(c.Publisher.Rate) },
			Order: table.Most(func(c connection) float64 { return c.Publisher.Rate })},
		{Head: "LAG", Saved: saved("lag", func(c connection) any { return c.Lag }), About: "messages in the ring and not taken; ~: of all publishers of the subscription", Width: 6, Drop: 1,
			Cell:  func(c connection) string { return about(c.Counted, text.Count(c.Lag)) },
			Order: table.Most(func(c connection) uint64 { return c.Lag }), Level: levelOfLag},
		{Head: "LOST", Saved: savedLossOf, About: "messages that the subscription never gets; ≤: at most, ~: of all its publishers together, as it counts them", Width: 6,
			Cell:  func(c connection) string { return c.Lost.Text() },
			Order: table.Most(func(c connection) uint64 { return c.Lost.Most })},
		{Head: "HELD", Saved: saved("held", func(c connection) any { return c.Held }), About: "samples that the subscription has not released; ~: of all its publishers", Width: 5, Drop: 5,
			Cell:  func(c connection) string { return about(c.Counted, text.Count(c.Held)) },
			Order: table.Most(func(c connection) uint64 { return c.Held })},
		delay("P50", "latency_p50_ns", "median delay of the subscription in the last ten seconds; one of sixteen is sampled, and without one the last of a minute stays; ~: of all its publishers", 3, func(c connection) int64 { return c.Subscriber.P50 }),
		delay("P99", "latency_p99_ns", "99th percentile of the same", 2, func(c connection) int64 { return c.Subscriber.P99 }),
		delay("JITTER", "jitter_ns", aboutJitter, 4, func(c connection) int64 { return c.Subscriber.Jitter() }),
	}
}

// savedLossOf has no figure of the connection where only that of the subscription is known.
func savedLossOf(c connection) []table.Saved {
	one := table.Saved{Name: "lost"}
	if c.Lost.Known() {
		one.Value = c.Lost.Most
	}
	return []table.Saved{one, {Name: "lost_max", Value: c.Lost.Most}, {Name: "lost_shared", Value: c.Lost.All}}
}

// savedEnd is the process at one end of a connection.
func savedEnd(end string, p registry.Participant) []table.Saved {
	return []table.Saved{{Name: end + "_unit", Value: p.Unit}, {Name: end + "_pid", Value: p.PID}}
}

// levelOfLag is Warning from seven eighths of the ring on, as doctor warns, and Problem where the whole ring is not taken.
func levelOfLag(c connection) theme.Level {
	depth := uint64(c.Publisher.Endpoint.Depth)
	switch {
	case !c.Counted || depth < 8:
	case c.Lag >= depth:
		return theme.Problem
	case c.Lag >= depth-depth/8:
		return theme.Warning
	}
	return theme.Plain
}

func signOfConnection(c connection) table.Sign {
	switch c.State {
	case watch.Refused:
		return table.Sign{Mark: "!", Level: theme.Problem}
	case watch.Apart:
		return table.Sign{Mark: "?", Level: theme.Warning}
	case watch.Halted:
		return table.Sign{Mark: "s", Level: theme.Warning}
	}
	return table.Sign{}
}

// connectionNote tells both ends of a connection and, where no messages pass, why.
func connectionNote(c *connection) string {
	if c.Reason != "" {
		return string(c.State) + ": " + escape(c.Reason)
	}
	note := fmt.Sprintf("%s (pid %d) sends to %s (pid %d)", sender(*c), c.Publisher.Owner.PID, receiver(*c), c.Subscriber.Owner.PID)
	switch {
	case c.Lost.Known():
	case c.Lost.Least > 0:
		note += fmt.Sprintf("; of %s lost of all publishers at least %s are of this one", text.Count(c.Lost.All), text.Count(c.Lost.Least))
	default:
		note += fmt.Sprintf("; the %s lost are of all publishers of the subscription together", text.Count(c.Lost.All))
	}
	return note
}
