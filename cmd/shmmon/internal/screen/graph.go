package screen

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/table"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/theme"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/watch"
	"github.com/shmbus/shmbus/registry"
)

// A graphLine is a process, or below it a topic that it publishes or subscribes to with the units at the other end.
type graphLine struct {
	number int
	key    string
	text   string
	topic  string // raw; empty for a process
	rate   float64
	sign   table.Sign
}

func graphPage(m *Model) *tablePage[graphLine] {
	return &tablePage[graphLine]{
		name: "Graph", wants: watch.WantConnections,
		Table: &table.Table[graphLine]{
			Key:  func(l graphLine) string { return l.key },
			Sign: func(l graphLine) table.Sign { return l.sign }, Nothing: m.noTopics,
			Columns: []table.Column[graphLine]{
				{Head: "PROCESS AND TOPICS", About: "> publishes, to which units; < subscribes to, from which units; x the types do not fit", Width: 30, Grow: true, Left: true,
					Cell: func(l graphLine) string { return l.text }, Order: func(a, b graphLine) int { return a.number - b.number }},
				{Head: "MSG/S", About: "of the topic", Width: 6, Drop: 1, Order: table.Most(func(l graphLine) float64 { return l.rate }),
					Cell: func(l graphLine) string {
						if l.topic == "" {
							return ""
						}
						return text.Rate(l.rate)
					}},
			},
		},
		rows: func(m *Model) []graphLine { return graph(m.view, m.connections) },
		of:   func(l graphLine) string { return l.topic },
		open: func(m *Model, l graphLine) tea.Cmd {
			if l.topic == "" {
				return nil
			}
			return m.push(newDetail(l.topic, false))
		},
	}
}

// An edge is a topic as one process sees it.
type edge struct {
	topic    string
	outward  bool            // the process publishes it
	ends     map[string]bool // units at the other end
	refusals map[string]bool // units whose type does not fit
	rate     float64
}

// graph draws which process feeds which, process by process.
func graph(v watch.View, connections []connection) (lines []graphLine) {
	edges := make(map[registry.ID]map[string]*edge)
	at := func(id registry.ID, topic string, outward bool) *edge {
		if edges[id] == nil {
			edges[id] = make(map[string]*edge)
		}
		key := fmt.Sprint(outward, topic)
		e := edges[id][key]
		if e == nil {
			e = &edge{topic: topic, outward: outward, ends: make(map[string]bool), refusals: make(map[string]bool)}
			edges[id][key] = e
		}
		return e
	}
	for _, t := range v.Topics {
		for _, p := range t.Publishers {
			at(p.Owner.ID, t.Name, true).rate += p.Rate
		}
		for _, s := range t.Subscribers {
			at(s.Owner.ID, t.Name, false).rate = t.Rate
		}
	}
	for _, c := range connections {
		from, to := at(c.Publisher.Owner.ID, c.Topic, true), at(c.Subscriber.Owner.ID, c.Topic, false)
		if c.State == watch.Refused {
			from.refusals[receiver(c)], to.refusals[sender(c)] = true, true
			continue
		}
		from.ends[receiver(c)], to.ends[sender(c)] = true, true
	}
	for _, p := range v.Participants {
		add := func(l graphLine) {
			l.number = len(lines)
			lines = append(lines, l)
		}
		id := p.ID.String()
		add(graphLine{key: id, text: fmt.Sprintf("%s (pid %d)", named(p.Unit), p.PID)})
		own := make([]*edge, 0, len(edges[p.ID]))
		for _, e := range edges[p.ID] {
			own = append(own, e)
		}
		slices.SortFunc(own, func(a, b *edge) int {
			if a.outward != b.outward {
				return cmp.Compare(b2i(b.outward), b2i(a.outward))
			}
			return strings.Compare(a.topic, b.topic)
		})
		for i, e := range own {
			branch := "├ "
			if i == len(own)-1 {
				branch = "└ "
			}
			l := e.line()
			l.key, l.text = fmt.Sprint(id, e.outward, e.topic), branch+l.text
			add(l)
		}
	}
	return lines
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// line writes one edge, and marks dead ends and types that do not fit.
func (e *edge) line() graphLine {
	l := graphLine{topic: e.topic, rate: e.rate}
	arrow, none := "← ", "no publisher"
	if e.outward {
		arrow, none = "→ ", "no subscription"
	}
	ends := sorted(e.ends)
	switch {
	case len(e.refusals) > 0:
		l.sign = table.Sign{Mark: "!", Level: theme.Problem}
	case ends == "":
		l.sign = table.Sign{Mark: "?", Level: theme.Faint}
	}
	if ends == "" && len(e.refusals) == 0 {
		ends = none
	}
	parts := []string{escape(e.topic)}
	if e.outward {
		parts[0] = "> " + parts[0]
	} else {
		parts[0] = "< " + parts[0]
	}
	if ends != "" {
		parts = append(parts, arrow+ends)
	}
	if r := sorted(e.refusals); r != "" {
		parts = append(parts, "x "+r)
	}
	l.text = strings.Join(parts, "  ")
	return l
}

// sorted lists names, not more than a line can show.
func sorted(names map[string]bool) string {
	const most = 20
	all := make([]string, 0, len(names))
	for n := range names {
		all = append(all, n)
	}
	slices.Sort(all)
	if len(all) > most {
		all = append(all[:most], fmt.Sprintf("%d more", len(all)-most))
	}
	return strings.Join(all, ", ")
}
