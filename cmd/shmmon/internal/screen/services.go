package screen

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/services"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/table"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/theme"
	"github.com/shmbus/shmbus/registry"
)

type serviceRow = services.Service

// A reading page shows something of services, goals or parameters.
type reading interface{ reads() services.Want }

func (p *tablePage[R]) reads() services.Want { return p.read }

// reads is what the page that is shown needs of services.
func (m *Model) reads() services.Want {
	if p, ok := m.page().(reading); ok && m.opts.Services != nil {
		return p.reads()
	}
	return 0
}

// nothingOf says why a page of services has no rows.
func (m *Model) nothingOf(want services.Want, what string) func() string {
	return func() string {
		switch {
		case m.readErr != nil:
			return "the " + what + " cannot be read: " + escape(m.readErr.Error())
		case m.opts.Services == nil:
			return what + " cannot be read here"
		case m.read&want == 0:
			return "looking…"
		}
		return "no " + what + ", or none matches the filter"
	}
}

func servicesPage(m *Model, title string) *tablePage[serviceRow] {
	return &tablePage[serviceRow]{
		name: title, read: services.WantServices,
		Table: &table.Table[serviceRow]{
			Columns: serviceColumns(), Nothing: m.nothingOf(services.WantServices, "services"),
			Key:   func(s serviceRow) string { return s.Name },
			Group: func(s serviceRow) string { return s.Name },
			Sign: func(s serviceRow) table.Sign {
				for _, one := range s.Servers {
					if m.state(one.Server.ID) == registry.StateStopped {
						return table.Sign{Mark: "s", Level: theme.Warning}
					}
				}
				return table.Sign{}
			},
		},
		rows: func(m *Model) []serviceRow { return m.services },
		open: func(m *Model, s serviceRow) tea.Cmd {
			if s.Kind != services.Goals {
				m.say(theme.Plain, "only services of goals can be opened")
				return nil
			}
			return m.opened.goals.openFor(m, escape(s.Name), func(g goalRow) bool { return g.Service == s.Name })
		},
		note: func(_ *Model, s serviceRow) string { return serviceNote(&s) },
	}
}

// state returns the state of a participant's process, or that of a process that runs if it is not known.
func (m *Model) state(id registry.ID) registry.ProcessState {
	for i := range m.view.Participants {
		if m.view.Participants[i].ID == id {
			return m.view.Participants[i].State
		}
	}
	return registry.StateRunning
}

func serviceColumns() []table.Column[serviceRow] {
	count := func(head, about string, width, drop int, of func(s serviceRow) uint64) table.Column[serviceRow] {
		return table.Column[serviceRow]{Head: head, About: about, Width: width, Drop: drop, Order: table.Most(of),
			Cell: func(s serviceRow) string { return text.Count(of(s)) }}
	}
	took := func(head, about string, drop int, of func(s *serviceRow) time.Duration) table.Column[serviceRow] {
		return table.Column[serviceRow]{Head: head, About: about, Width: 8, Drop: drop,
			Cell: func(s serviceRow) string {
				if of(&s) < 0 {
					return "-"
				}
				return "<" + text.Duration(int64(of(&s)))
			},
			Order: table.Most(func(s serviceRow) time.Duration { return of(&s) })}
	}
	failed := count("FAILED", "calls that a handler answered with an error, in the servers' lives", 6, 1, func(s serviceRow) uint64 { return s.Failed })
	failed.Level = func(s serviceRow) theme.Level {
		if s.Failed > 0 {
			return theme.Warning
		}
		return theme.Plain
	}
	return []table.Column[serviceRow]{
		{Head: "SERVICE", About: "name", Width: 14, Grow: true, Left: true,
			Cell: func(s serviceRow) string { return escape(s.Name) }, Order: table.Names(func(s serviceRow) string { return s.Name })},
		{Head: "KIND", About: "call: one response; stream: any number; goal: feedback and a result", Width: 6, Left: true, Drop: 5,
			Cell: func(s serviceRow) string { return s.Kind }},
		{Head: "REQUEST", About: "type of requests; of goals that of the value", Width: 10, Grow: true, Left: true, Drop: 8,
			Cell: func(s serviceRow) string { return named(services.TypeName(s.Request)) }},
		{Head: "RESPONSE", About: "type of responses; of goals that of the result", Width: 10, Grow: true, Left: true, Drop: 9,
			Cell: func(s serviceRow) string { return named(services.TypeName(s.Response)) }},
		{Head: "SERVERS", About: "servers of the name", Width: 7, Drop: 6, Cell: func(s serviceRow) string { return strconv.Itoa(len(s.Servers)) },
			Order: table.Most(func(s serviceRow) int { return len(s.Servers) })},
		{Head: "CLIENTS", About: "clients that are connected", Width: 7, Drop: 4, Cell: func(s serviceRow) string { return strconv.Itoa(s.Clients) },
			Order: table.Most(func(s serviceRow) int { return s.Clients })},
		{Head: "REQ/S", About: "requests of the clients", Width: 6, Cell: func(s serviceRow) string { return text.Rate(s.Rate) },
			Order: table.Most(func(s serviceRow) float64 { return s.Rate })},
		count("CALLS", "requests that a handler answered, in the servers' lives", 6, 7, func(s serviceRow) uint64 { return s.Calls }),
		failed,
		count("REFUSED", "requests that break the protocol or cannot be decoded", 7, 11, func(s serviceRow) uint64 { return s.Refused }),
		count("OPEN", "calls that are not answered, with those of the queue; a goal is one until its end", 5, 2, func(s serviceRow) uint64 { return s.Open() }),
		count("QUEUE", "requests that no server has taken", 5, 2, func(s serviceRow) uint64 { return s.Queue }),
		took("P50", "half of the handlers took less, in the servers' lives, within a factor of two", 10, (*serviceRow).P50),
		took("P99", "99 of 100 handlers took less, as P50", 3, (*serviceRow).P99),
	}
}

// serviceNote tells types and servers of a service.
func serviceNote(s *serviceRow) string {
	const most = 8
	var units []string
	for i, one := range s.Servers {
		if i == most {
			units = append(units, fmt.Sprintf("%d more", len(s.Servers)-i))
			break
		}
		units = append(units, fmt.Sprintf("%s (pid %d)", named(one.Server.Unit), one.Server.PID))
	}
	types := named(services.TypeName(s.Request)) + " to " + named(services.TypeName(s.Response))
	if s.Kind == services.Goals {
		types += ", feedback " + named(services.TypeName(s.Feedback))
	}
	return fmt.Sprintf("%s: %s by %s", s.Kind, types, strings.Join(units, ", "))
}
