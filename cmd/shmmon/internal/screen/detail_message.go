package screen

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/chart"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/message"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/table"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/theme"
)

// A fieldRow is a field of the newest message with its past.
type fieldRow struct {
	message.Field
	number  int
	before  string // its value in the message before
	changed bool
	series  []float64
}

func newFieldTable() *table.Table[fieldRow] {
	return &table.Table[fieldRow]{
		Key:   func(f fieldRow) string { return f.Key },
		Texts: func(f fieldRow) []string { return []string{f.Path, f.Value} },
		Sign: func(f fieldRow) table.Sign {
			if f.changed {
				return table.Sign{Mark: "*"}
			}
			return table.Sign{}
		},
		Nothing: func() string { return "no field matches, or none changed" },
		Columns: []table.Column[fieldRow]{
			{Head: "FIELD", Width: 16, Grow: true, Left: true, Order: func(a, b fieldRow) int { return a.number - b.number },
				Cell: func(f fieldRow) string { return strings.Repeat("  ", min(f.Depth, 16)) + f.Name }},
			{Head: "VALUE", Width: 12, Grow: true, Left: true, Cell: func(f fieldRow) string { return f.Value },
				Level: func(f fieldRow) theme.Level {
					if f.changed {
						return theme.Good
					}
					return theme.Plain
				}},
			{Head: "BEFORE", Width: 10, Grow: true, Left: true, Drop: 1, Cell: func(f fieldRow) string {
				if f.changed {
					return f.before
				}
				return ""
			}},
			{Head: "TREND", Width: 12, Drop: 2, Fill: func(f fieldRow, w int) string { return chart.Sparkline(f.series, w) }},
		},
	}
}

// fieldRows returns the fields of the newest message, or those that changed with all that they are in.
func fieldRows(l *live) []fieldRow {
	rows := make([]fieldRow, 0, len(l.fields))
	for i, f := range l.fields {
		r := fieldRow{Field: f, number: i, series: l.series[f.Key]}
		if was, known := l.before[f.Key]; f.Leaf && len(l.before) > 0 && (!known || was != f.Value) {
			r.before, r.changed = was, true
		}
		if !l.changes || r.changed {
			rows = append(rows, r)
		}
	}
	return rows
}

// above is the number of lines between the parts and the table of fields.
func (d *detail) above(m *Model) int {
	if d.plotted.Key == "" {
		return 1
	}
	return 2 + plotHeight(m.height)
}

func plotHeight(height int) int { return max(3, min(12, height/4)) }

// plot shows the plot of the field under the cursor, or ends it.
func (d *detail) plot(m *Model) {
	f, ok := d.fields.Picked()
	switch {
	case !ok:
	case d.plotted.Key == f.Key:
		d.plotted = message.Field{}
	case f.Numeric:
		d.plotted = f.Field
	default:
		m.say(theme.Warning, "only numbers can be plotted")
	}
}

// messageLines is the newest message as a table of fields, below the plot of one.
func (d *detail) messageLines(m *Model, w, h int) []string {
	l := &m.live
	lines := []string{text.Left(l.about(m), w)}
	if d.plotted.Key != "" {
		series := l.series[d.plotted.Key]
		last := ""
		if n := len(series); n > 0 {
			last = " = " + chart.Number(series[n-1])
		}
		lines = append(lines, m.styles.Title.Render(text.Left(cmp.Or(d.plotted.Path, escape(d.name))+last, w)))
		lines = append(lines, chart.Plot(series, w, plotHeight(m.height))...)
	}
	if !l.got {
		return lines
	}
	d.fields.Resize(w, max(1, h-len(lines)))
	return append(lines, d.fields.Lines(&m.styles)...)
}

// about says which message is shown, or why there is none.
func (l *live) about(m *Model) string {
	switch {
	case m.opts.Messages == nil:
		return "messages cannot be read here"
	case l.err != nil:
		return "the messages cannot be read: " + escape(l.err.Error())
	case !l.got:
		return "waiting for a message…"
	}
	n := &l.newest
	gone := ""
	if !l.there {
		gone = "its publisher is gone: "
	}
	return fmt.Sprintf("%s#%d of %s (pid %d), %s, %s", gone, n.Sequence, named(n.Unit), n.PID, n.Time.Format("15:04:05.000"), text.Bytes(uint64(len(n.Payload))))
}

// modes says what the keys changed about the message that is shown.
func (l *live) modes(m *Model) (s string) {
	if l.frozen {
		s += "  " + m.styles.Paint(theme.Warning, "FROZEN")
	}
	if l.changes {
		s += "  " + m.styles.Paint(theme.Warning, "CHANGES")
	}
	return s
}

// hexLines is the newest message in hex, and why it is no tree of fields.
func (d *detail) hexLines(m *Model, part, w, h int) []string {
	lines := []string{text.Left(m.live.about(m), w)}
	if err := m.live.decode; err != nil {
		lines = append(lines, m.decodeLine(err, w))
	}
	if !m.live.got {
		return lines
	}
	return append(lines, d.scroll[part].window(message.Hex(m.live.newest.Payload, w), w, max(0, h-len(lines)))...)
}

func (m *Model) decodeLine(err error, w int) string {
	level, what := theme.Warning, "not decoded: "
	if message.Lies(err) {
		level, what = theme.Problem, "the bytes are not of the announced type: "
	}
	return m.styles.Paint(level, text.Left(what+escape(err.Error()), w))
}

// lines is the newest message beside a table.
func (l *live) lines(m *Model, w, h int) []string {
	if l.topic == "" {
		return []string{m.styles.Paint(theme.Faint, text.Left("no topic with a publisher is under the cursor", w))}
	}
	modes := l.modes(m)
	name := text.Middle(escape(l.topic), w-text.Width(modes))
	lines := []string{m.styles.Title.Render(strings.TrimRight(name, " ")) + modes, text.Left(l.about(m), w)}
	if !l.got {
		return lines
	}
	if p := l.picture; p != nil && p.err == nil {
		return append(lines, p.lines(m, w, h-len(lines))...)
	}
	if l.decode != nil {
		lines = append(lines, m.decodeLine(l.decode, w))
		return append(lines, message.Hex(l.newest.Payload[:min(len(l.newest.Payload), 16*h)], w)...)
	}
	for _, r := range fieldRows(l) {
		if len(lines) >= h {
			break
		}
		name := strings.Repeat("  ", min(r.Depth, 16)) + r.Name
		if name != "" {
			name += ": "
		}
		level := theme.Plain
		if r.changed {
			level = theme.Good
		}
		name = text.Left(name, min(text.Width(name), w))
		lines = append(lines, name+m.styles.Paint(level, text.Left(r.Value, max(0, w-text.Width(name)))))
	}
	return lines
}

// value and path are what the keys copy.
func (d *detail) value() string {
	if f, ok := d.fields.Picked(); ok && d.part == partMessage {
		return f.Value
	}
	return escape(d.name)
}

func (d *detail) path() string {
	if f, ok := d.fields.Picked(); ok && d.part == partMessage {
		return f.Path
	}
	return ""
}
