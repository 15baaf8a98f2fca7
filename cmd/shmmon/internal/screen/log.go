package screen

import (
	"cmp"
	"strconv"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/logtopics"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/table"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/theme"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/watch"
)

type entry = watch.Entry

func logPage(m *Model) *tablePage[entry] {
	return &tablePage[entry]{
		name: "Log", top: true,
		Table: &table.Table[entry]{
			Columns: logColumns(m), Sign: signOfEntry,
			Key:   func(e entry) string { return strconv.Itoa(e.Number) },
			Group: func(e entry) string { return e.Topic },
			Nothing: func() string {
				if len(m.logged()) > 0 {
					return "no entry matches the filter; esc clears it"
				}
				return "nothing has happened since the screen was opened"
			},
		},
		rows: (*Model).logged,
		of:   topicOfEntry,
		open: func(m *Model, e entry) tea.Cmd {
			if topicOfEntry(e) == "" {
				return nil
			}
			return m.openTopic(e.Topic)
		},
		note: func(m *Model, e entry) string { return escape(e.Text) },
	}
}

// topicOfEntry is the topic of an entry, raw; "" if it is of none, or of all that a pattern stands for.
func topicOfEntry(e entry) string {
	if watch.IsPattern(e.Topic) {
		return ""
	}
	return e.Topic
}

func logColumns(m *Model) []table.Column[entry] {
	newest := func(a, b entry) int { return cmp.Or(cmp.Compare(b.At, a.At), b.Number-a.Number) }
	return []table.Column[entry]{
		{Head: "TIME", Saved: saved("time", m.savedTime), About: "when it was found, or logged", Width: 12, Order: newest, Cell: func(e entry) string { return m.when(e.At) }},
		{Head: "WHAT", Saved: func(e entry) []table.Saved {
			return []table.Saved{{Name: "kind", Value: string(e.Kind)}, {Name: "level", Value: e.Level}}
		}, About: "joined, ended, died, stopped, continued, appeared, vanished, stale, resumed, mismatch, lost, undecodable, failed, alert; in capitals the level of what a program logs", Width: 11, Left: true,
			Cell: whatCell},
		{Head: "TOPIC", Saved: saved("topic", func(e entry) any { return e.Topic }), About: "name or pattern", Width: 12, Grow: true, Left: true, Cell: func(e entry) string { return named(e.Topic) }},
		{Head: "UNIT", Saved: saved("unit", func(e entry) any { return e.Unit }), About: "of the process", Width: 8, Grow: true, Left: true, Drop: 1, Cell: func(e entry) string { return named(e.Unit) }},
		{Head: "PID", Saved: saved("pid", func(e entry) any { return e.PID }), About: "of the process", Width: 7, Drop: 2, Order: func(a, b entry) int { return a.PID - b.PID },
			Cell: func(e entry) string {
				if e.PID == 0 {
					return "-"
				}
				return strconv.Itoa(e.PID)
			}},
		{Head: "TEXT", Saved: saved("text", func(e entry) any { return e.Text }), About: "more about it", Width: 16, Grow: true, Left: true, Drop: 3, Cell: func(e entry) string { return escape(e.Text) }},
	}
}

// whatCell is the kind of an entry, or the level of what a program logged.
func whatCell(e entry) string {
	if e.Level != "" {
		return strings.ToUpper(e.Level)
	}
	return string(e.Kind)
}

// takeRecords adds what programs logged.
func (m *Model) takeRecords(all []logtopics.Record, err error) {
	for _, r := range all {
		e := entry{At: r.At, Kind: watch.Missed, Topic: r.Topic, Unit: r.Unit, PID: r.PID}
		if r.Missed > 0 {
			e.Text = text.Many(r.Missed, "message") + " of its log"
			m.log.Note(e)
		}
		if e.Text = ""; r.Err != nil {
			e.Text = "a message of its log: " + r.Err.Error()
		} else {
			e.Kind, e.Level, e.Text = watch.Logged, r.Level, r.Text
			if r.Name != "" {
				e.Text = r.Name + ": " + e.Text
			}
			if r.Where != "" {
				e.Text += " (" + r.Where + ")"
			}
		}
		m.log.Note(e)
	}
	if err != nil && (m.logsErr == nil || m.logsErr.Error() != err.Error()) {
		m.log.Note(entry{At: m.view.At, Kind: watch.Missed, Text: "the logs of programs cannot be read: " + err.Error()})
	}
	m.logsErr = err
}

// when writes a stamp as the time of day, or as an age without a clock.
func (m *Model) when(stamp int64) string {
	if m.opts.Wall == nil {
		return text.Duration(m.view.At-stamp) + " ago"
	}
	return m.opts.Wall(stamp).Format("15:04:05.000")
}

// savedTime is the wall-clock time of an entry, nil without a clock.
func (m *Model) savedTime(e entry) any {
	if m.opts.Wall == nil {
		return nil
	}
	return m.opts.Wall(e.At).Format(time.RFC3339Nano)
}

func signOfEntry(e entry) table.Sign {
	switch e.Level {
	case "error", "fatal":
		return table.Sign{Mark: "!", Level: theme.Problem}
	case "warn":
		return table.Sign{Mark: "~", Level: theme.Warning}
	}
	switch e.Kind {
	case watch.Died, watch.Alerted, watch.Losing, watch.Mismatched, watch.Undecodable, watch.Failing:
		return table.Sign{Mark: "!", Level: theme.Problem}
	case watch.WentStale, watch.Stopped, watch.Missed:
		return table.Sign{Mark: "~", Level: theme.Warning}
	}
	return table.Sign{Level: theme.Plain}
}
