package screen

import (
	"fmt"
	"strings"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/chart"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/message"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/table"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/theme"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/watch"
)

// Parts of the detail.
const (
	partEndpoints = iota
	partMessage
	partHex
	partImage
)

// partNames are the names of the parts with their keys.
func partNames() []string { return []string{"e endpoints", "m message", "x hex", "i image"} }

// A detailChoice is what was chosen in a detail, for all of them.
type detailChoice struct {
	part   int
	fields *table.Table[fieldRow]
}

// A detail is the page of one topic: its figures, and one of its parts below.
type detail struct {
	*detailChoice
	name    string                  // of the topic
	root    bool                    // it is a view, not a page above another one
	plotted message.Field           // whose plot is shown; without a key there is none
	scroll  [partImage + 1]scroller // of each part: two are in sight side by side
	topAt   int                     // the line at which the table of fields begins
}

// openTopic opens the detail of a topic.
func (m *Model) openTopic(name string) tea.Cmd {
	d := &detail{detailChoice: &m.detail}
	d.follow(name)
	return m.push(d)
}

// follow makes it the page of another topic.
func (d *detail) follow(name string) {
	*d = detail{detailChoice: d.detailChoice, name: name, root: d.root}
	d.fields.Restart()
}

func (d *detail) title() string {
	if d.root {
		return "Detail"
	}
	return escape(d.name)
}

func (d *detail) topic() string    { return d.name }
func (d *detail) want() watch.Want { return watch.WantMemory | watch.WantConnections }
func (d *detail) hints(k *keyMap) []key.Binding {
	all := []key.Binding{k.Back, k.Endpoints, k.Message, k.Hex, k.Image, k.Freeze, k.Diff, k.Copy}
	if d.part == partMessage {
		all = append(all, k.Filter)
	}
	return append(all, k.Help, k.Quit)
}

// wideDetail is the width from which endpoints and message are side by side.
const wideDetail = 130

// showsMessage reports whether the newest message is on the screen.
func (d *detail) showsMessage(m *Model) bool { return d.part != partEndpoints || m.width >= wideDetail }

func (d *detail) update(m *Model) {
	if m.live.topic != d.name { // the message is on its way
		d.fields.Set(nil)
		return
	}
	d.fields.Set(fieldRows(&m.live))
}

func (d *detail) lines(m *Model, w, h int) []string {
	if d.name == "" {
		return []string{"", m.styles.Paint(theme.Faint, text.Left("no topic is chosen: put the cursor on one, then 7 or enter", w))}
	}
	t, ok := m.view.Find(d.name)
	lines := []string{escape(d.name) + " is gone"}
	switch {
	case ok:
		lines = d.head(m, t, w)
	case !m.live.has(d.name):
		return []string{text.Left(lines[0], w)}
	}
	var more []string // of the head, which is above the endpoints where there is little room
	if h < 12 {
		lines, more = lines[:1:1], lines[1:]
	}
	for i := range lines {
		lines[i] = text.Left(lines[i], w)
	}
	lines[0] = m.styles.Title.Render(lines[0])
	lines = append(lines, d.parts(m, w))
	d.topAt = len(lines)
	room := h - len(lines)
	if w < wideDetail {
		return append(lines, d.body(m, t, more, d.part, w, room)...)
	}
	// Side by side: the endpoints, and the message or its bytes.
	half := w / 2
	other := d.part
	if other == partEndpoints {
		other = partMessage
	}
	left, right := m.exactly(d.body(m, t, more, partEndpoints, half, room), half, room), m.exactly(d.body(m, t, nil, other, w-half-2, room), w-half-2, room)
	for i := range left {
		lines = append(lines, left[i]+strings.Repeat(" ", half-text.Width(left[i]))+m.styles.Paint(theme.Faint, "│")+" "+right[i])
	}
	return lines
}

// body is a part of the detail. Endpoints follow the given lines.
func (d *detail) body(m *Model, t watch.Topic, first []string, part, w, h int) []string {
	switch {
	case part == partEndpoints:
		return d.scroll[part].window(append(first, m.endpointLines(t)...), w, h)
	case len(t.Publishers) == 0 && !m.live.has(d.name):
		return []string{"no publisher, so no message"}
	case part == partImage:
		return d.pictureLines(m, w, h)
	case part == partMessage && m.live.decode == nil:
		return d.messageLines(m, w, h)
	}
	return d.hexLines(m, part, w, h)
}

// head is the topic's figures and their history, which is no wider than the screen.
func (d *detail) head(m *Model, t watch.Topic, w int) []string {
	newest := "-"
	if t.Last > 0 {
		newest = text.Duration(m.view.At-t.Last) + " ago"
	}
	bad := ""
	if n := undecodable(t); n > 0 {
		bad = fmt.Sprintf("   %s undecodable", text.Count(n))
	}
	h := m.history.Of(t.Name)
	trend := max(4, min(watch.HistoryLength, (w-24)/3))
	return []string{
		fmt.Sprintf("%s  [%s]  %s  %s", escape(t.Name), t.State, typeCell(t), named(t.Encoding)),
		fmt.Sprintf("%s msg/s  %s   newest %s, %s, largest %s", text.Rate(t.Rate), text.Bandwidth(t.Bandwidth), newest, text.Bytes(t.Size), text.Bytes(t.MaxSize)),
		fmt.Sprintf("lost %s   lag %s   held %s   delay p50 %s, p99 %s, max %s%s", t.LostText(), text.Count(t.Lag), text.Count(t.Held),
			t.DelayText(t.P50), t.DelayText(t.P99), t.DelayText(t.Worst), bad),
		fmt.Sprintf("msg/s %s  lost %s  p99 %s", chart.Sparkline(h.Rate, trend), chart.Sparkline(h.Lost, trend), chart.Sparkline(h.P99, trend)),
	}
}

// parts names the parts with their keys.
func (d *detail) parts(m *Model, w int) string {
	names := partNames()
	for i, n := range names {
		if i == d.part {
			names[i] = m.styles.Tab.Render(n)
		} else {
			names[i] = m.styles.Paint(theme.Faint, n)
		}
	}
	return strings.Join(names, "  ") + m.live.modes(m)
}

func (d *detail) press(m *Model, msg tea.KeyPressMsg) (tea.Cmd, bool) {
	k := &m.keys
	switch {
	case key.Matches(msg, k.Endpoints):
		d.part = partEndpoints
	case key.Matches(msg, k.Message):
		d.part = partMessage
	case key.Matches(msg, k.Hex):
		d.part = partHex
	case key.Matches(msg, k.Image):
		d.part = partImage
	case d.part == partMessage && key.Matches(msg, k.Open):
		d.plot(m)
	case key.Matches(msg, k.Open) && !d.root:
		m.back()
	case d.part == partMessage && m.live.decode == nil:
		return nil, pressTable(m, d.fields, msg)
	default:
		return nil, d.scroll[d.part].press(k, msg)
	}
	return nil, true
}

func (d *detail) click(m *Model, x, y int) tea.Cmd {
	names := partNames()
	if y == d.topAt-1 {
		at := 0
		for i, n := range names {
			if x >= at && x < at+len(n) {
				d.part = i
			}
			at += len(n) + 2
		}
		return nil
	}
	if m.width >= wideDetail { // the part is at the right
		x -= m.width/2 + 2
	}
	y -= d.topAt + d.above(m)
	if x < 0 || d.part != partMessage || !m.live.got || m.live.decode != nil {
		return nil
	}
	if clickTable(d.fields, x, y) {
		d.plot(m)
	}
	return nil
}
