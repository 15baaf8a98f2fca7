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
	process int // number of the process that it is or belongs to, by unit and pid
	number  int
	key     string
	branch  string // before the text; empty for a process
	text    string
	topic   string // raw; empty for a process and for a service
	rate    float64
	sign    table.Sign
}

func graphPage(m *Model) *tablePage[graphLine] {
	return &tablePage[graphLine]{
		name: "Graph", wants: watch.WantConnections,
		Table: &table.Table[graphLine]{
			Key: func(l graphLine) string { return l.key }, Arrange: arrangeGraph, Below: func(l graphLine) bool { return l.branch != "" },
			Sign: func(l graphLine) table.Sign { return l.sign }, Nothing: m.noTopics,
			Columns: []table.Column[graphLine]{
				{Head: "PROCESS AND TOPICS", About: "> publishes, to which units; < subscribes to, from which units; x the types do not fit", Width: 30, Grow: true, Left: true,
					Cell: func(l graphLine) string { return l.branch + l.text }},
				{Head: "MSG/S", Saved: saved("rate", func(l graphLine) any {
					if l.topic == "" {
						return nil
					}
					return l.rate
				}), About: "of the topic; processes are sorted by that of their fastest", Width: 6, Drop: 1,
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
			return m.openTopic(l.topic)
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
	served := serviceLines(v.Participants)
	processes := slices.Clone(v.Participants)
	slices.SortStableFunc(processes, func(a, b registry.Participant) int {
		return cmp.Or(strings.Compare(a.Unit, b.Unit), cmp.Compare(a.PID, b.PID))
	})
	for i, p := range processes {
		add := func(l graphLine) {
			l.process, l.number = i, len(lines)
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
		for _, e := range own {
			l := e.line()
			l.key, l.branch = fmt.Sprint(id, e.outward, e.topic), "├ "
			add(l)
		}
		for _, s := range served[p.ID] {
			add(graphLine{key: id + s, branch: "├ ", text: s})
		}
	}
	return lines
}

// arrangeGraph sorts processes, and below each its topics; the last one of a process ends its branch.
func arrangeGraph(lines []graphLine, column int, reverse bool) []graphLine {
	fastest := make(map[int]float64)
	for _, l := range lines {
		fastest[l.process] = max(fastest[l.process], l.rate)
	}
	turned := func(order int) int {
		if reverse {
			return -order
		}
		return order
	}
	all := slices.Clone(lines)
	slices.SortFunc(all, func(a, b graphLine) int {
		order := cmp.Compare(b2i(a.branch != ""), b2i(b.branch != "")) // a process is above its topics
		if a.process != b.process {
			order = turned(cmp.Compare(a.process, b.process))
			if column == 1 {
				order = cmp.Or(turned(cmp.Compare(fastest[b.process], fastest[a.process])), order)
			}
			return order
		}
		if column == 1 && order == 0 {
			order = turned(cmp.Compare(b.rate, a.rate))
		}
		return cmp.Or(order, turned(cmp.Compare(a.number, b.number)))
	})
	for i := range all {
		if all[i].branch == "" {
			continue
		}
		if all[i].branch = "├ "; i == len(all)-1 || all[i+1].branch == "" {
			all[i].branch = "└ "
		}
	}
	return all
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
