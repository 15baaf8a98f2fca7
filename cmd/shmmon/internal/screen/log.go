package screen

import (
	"slices"
	"strconv"

	tea "charm.land/bubbletea/v2"

	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/table"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/theme"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/watch"
)

type entry = watch.Entry

func logPage(m *Model) *tablePage[entry] {
	return &tablePage[entry]{
		name: "Log",
		Table: &table.Table[entry]{
			Columns: logColumns(m), Sign: signOfEntry,
			Key:     func(e entry) string { return strconv.Itoa(e.Number) },
			Group:   func(e entry) string { return e.Topic },
			Nothing: func() string { return "nothing has happened since the screen was opened" },
		},
		rows: func(m *Model) []entry { return slices.Clone(m.log.Entries) },
		of:   func(e entry) string { return e.Topic },
		open: func(m *Model, e entry) tea.Cmd {
			if e.Topic == "" {
				return nil
			}
			return m.push(newDetail(e.Topic, false))
		},
		note: func(m *Model, e entry) string { return escape(e.Text) },
	}
}

func logColumns(m *Model) []table.Column[entry] {
	newest := func(a, b entry) int { return b.Number - a.Number }
	return []table.Column[entry]{
		{Head: "TIME", About: "when it was found", Width: 12, Order: newest, Cell: func(e entry) string { return m.when(e.At) }},
		{Head: "WHAT", About: "joined, ended, died, stopped, continued, appeared, vanished, stale, resumed, mismatch, lost, undecodable, failed", Width: 11, Left: true,
			Cell: func(e entry) string { return string(e.Kind) }},
		{Head: "TOPIC", About: "name or pattern", Width: 12, Grow: true, Left: true, Cell: func(e entry) string { return named(e.Topic) }},
		{Head: "UNIT", About: "of the process", Width: 8, Grow: true, Left: true, Drop: 1, Cell: func(e entry) string { return named(e.Unit) }},
		{Head: "PID", About: "of the process", Width: 7, Drop: 2, Order: func(a, b entry) int { return a.PID - b.PID },
			Cell: func(e entry) string {
				if e.PID == 0 {
					return "-"
				}
				return strconv.Itoa(e.PID)
			}},
		{Head: "TEXT", About: "more about it", Width: 16, Grow: true, Left: true, Drop: 3, Cell: func(e entry) string { return escape(e.Text) }},
	}
}

// when writes a stamp as the time of day, or as an age without a clock.
func (m *Model) when(stamp int64) string {
	if m.opts.Wall == nil {
		return text.Duration(m.view.At-stamp) + " ago"
	}
	return m.opts.Wall(stamp).Format("15:04:05.000")
}

func signOfEntry(e entry) table.Sign {
	switch e.Kind {
	case watch.Died, watch.Losing, watch.Mismatched, watch.Undecodable, watch.Failing:
		return table.Sign{Mark: "!", Level: theme.Problem}
	case watch.WentStale, watch.Stopped:
		return table.Sign{Mark: "~", Level: theme.Warning}
	}
	return table.Sign{Level: theme.Plain}
}
