package screen

import (
	"fmt"
	"strconv"

	tea "charm.land/bubbletea/v2"

	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/table"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/theme"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/watch"
)

type connection = watch.Connection

// connectionsPage has those connections that choose returns true for; nil: all.
func connectionsPage(m *Model, title string, choose func(*connection) bool) *tablePage[connection] {
	return &tablePage[connection]{
		name: title, wants: watch.WantConnections,
		Table: &table.Table[connection]{
			Columns: connectionColumns(), Key: connectionKey, Sign: signOfConnection,
			Group: func(c connection) string { return c.Topic },
			Texts: func(c connection) []string {
				return []string{escape(c.Topic), sender(c), receiver(c), string(c.State), c.Policy()}
			},
			Nothing: func() string {
				if m.loaded && len(m.connections) > 0 {
					return "no connection matches the filter; esc clears it"
				}
				return "no publisher has a subscription yet"
			},
		},
		rows: func(m *Model) (all []connection) {
			for i := range m.connections {
				if choose == nil || choose(&m.connections[i]) {
					all = append(all, m.connections[i])
				}
			}
			return all
		},
		of:   func(c connection) string { return c.Topic },
		open: func(m *Model, c connection) tea.Cmd { return m.push(newDetail(c.Topic, false)) },
		note: func(m *Model, c connection) string { return connectionNote(&c) },
	}
}

func connectionKey(c connection) string {
	return fmt.Sprint(c.Topic, "\x00", c.Publisher.Endpoint.ID, "\x00", c.Subscriber.Endpoint.ID)
}

func sender(c connection) string   { return named(c.Publisher.Owner.Unit) }
func receiver(c connection) string { return named(c.Subscriber.Owner.Unit) }

func connectionColumns() []table.Column[connection] {
	about := func(known bool, s string) string {
		if !known {
			return "~" + s
		}
		return s
	}
	return []table.Column[connection]{
		{Head: "TOPIC", About: "name", Width: 18, Grow: true, Left: true,
			Cell: func(c connection) string { return escape(c.Topic) }, Order: table.Names(func(c connection) string { return c.Topic })},
		{Head: "FROM", About: "unit of the publisher", Width: 8, Grow: true, Left: true, Cell: sender},
		{Head: "TO", About: "unit of the subscription", Width: 8, Grow: true, Left: true, Cell: receiver},
		{Head: "STATE", About: "connected; refused: the types do not fit; not linked; stopped", Width: 10, Left: true,
			Cell: func(c connection) string { return string(c.State) }},
		{Head: "POLICY", About: "keep-last: a slow subscription loses the oldest; lossless: the publisher waits", Width: 9, Left: true, Drop: 5,
			Cell: func(c connection) string { return c.Policy() }},
		{Head: "DEPTH", About: "messages that the publisher keeps", Width: 5, Drop: 7,
			Cell:  func(c connection) string { return strconv.FormatUint(uint64(c.Publisher.Endpoint.Depth), 10) },
			Order: table.Most(func(c connection) uint32 { return c.Publisher.Endpoint.Depth })},
		{Head: "MSG/S", About: "of the publisher", Width: 6, Drop: 6,
			Cell:  func(c connection) string { return text.Rate(c.Publisher.Rate) },
			Order: table.Most(func(c connection) float64 { return c.Publisher.Rate })},
		{Head: "LAG", About: "messages in the ring and not taken; ~: of all publishers of the subscription", Width: 6, Drop: 1,
			Cell:  func(c connection) string { return about(c.Counted, text.Count(c.Lag)) },
			Order: table.Most(func(c connection) uint64 { return c.Lag }), Level: levelOfLag},
		{Head: "LOST", About: "messages that the subscription never gets; ~: of all its publishers", Width: 6,
			Cell:  func(c connection) string { return about(!c.Shared, text.Count(c.Lost)) },
			Order: table.Most(func(c connection) uint64 { return c.Lost })},
		{Head: "HELD", About: "samples that the subscription has not released; ~: of all its publishers", Width: 5, Drop: 4,
			Cell:  func(c connection) string { return about(c.Counted, text.Count(c.Held)) },
			Order: table.Most(func(c connection) uint64 { return c.Held })},
		{Head: "P50", About: "median delay of the subscription in the last ten seconds, sampled", Width: 8, Drop: 3,
			Cell: func(c connection) string {
				return about(!c.Shared || c.Subscriber.P50 < 0, text.Duration(c.Subscriber.P50))
			},
			Order: table.Most(func(c connection) int64 { return c.Subscriber.P50 })},
		{Head: "P99", About: "99th percentile of the same", Width: 8, Drop: 2,
			Cell: func(c connection) string {
				return about(!c.Shared || c.Subscriber.P99 < 0, text.Duration(c.Subscriber.P99))
			},
			Order: table.Most(func(c connection) int64 { return c.Subscriber.P99 })},
	}
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
	return fmt.Sprintf("%s (pid %d) sends to %s (pid %d)", sender(*c), c.Publisher.Owner.PID, receiver(*c), c.Subscriber.Owner.PID)
}
