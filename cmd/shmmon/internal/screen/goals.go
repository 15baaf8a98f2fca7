package screen

import (
	"fmt"
	"strconv"

	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/services"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/table"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/theme"
	"github.com/shmbus/shmbus/service/goal"
)

type goalRow = services.Goal

func goalsPage(m *Model, title string) *tablePage[goalRow] {
	return &tablePage[goalRow]{
		name: title, read: services.WantGoals,
		Table: &table.Table[goalRow]{
			Columns: goalColumns(m), Sign: signOfGoal, Nothing: m.nothingOf(services.WantGoals, "goals"),
			Key:   func(g goalRow) string { return g.Service + "\x00" + g.ID.String() },
			Group: func(g goalRow) string { return g.Service },
			Texts: func(g goalRow) []string {
				return []string{escape(g.Service), g.ID.String(), g.State, escape(g.Caller.Unit)}
			},
		},
		rows: func(m *Model) []goalRow { return m.goals },
		note: func(m *Model, g goalRow) string { return m.goalNote(&g) },
	}
}

func goalColumns(m *Model) []table.Column[goalRow] {
	age := func(stamp int64) string { return text.Duration(max(0, m.view.At-stamp)) }
	newest := func(of func(goalRow) int64) func(a, b goalRow) int {
		return table.Most(of)
	}
	return []table.Column[goalRow]{
		{Head: "SERVICE", About: "name", Width: 12, Grow: true, Left: true, Cell: func(g goalRow) string { return escape(g.Service) }},
		{Head: "STATE", About: "sent, accepted, running, succeeded, failed, cancelled, rejected; lost with its server; ended: with a result that was not seen", Width: 9, Left: true,
			Cell: func(g goalRow) string { return g.State }},
		{Head: "AGE", About: "since it was started", Width: 8, Cell: func(g goalRow) string { return age(g.Started) },
			Order: newest(func(g goalRow) int64 { return g.Started })},
		{Head: "SINCE", About: "since its state changed", Width: 8, Drop: 2, Cell: func(g goalRow) string { return age(g.Changed) },
			Order: newest(func(g goalRow) int64 { return g.Changed })},
		{Head: "CLIENT", About: "unit that started it", Width: 8, Grow: true, Left: true, Drop: 1, Cell: func(g goalRow) string { return named(g.Caller.Unit) }},
		{Head: "PID", About: "process that started it", Width: 7, Drop: 4, Cell: func(g goalRow) string { return strconv.Itoa(g.Caller.PID) },
			Order: func(a, b goalRow) int { return a.Caller.PID - b.Caller.PID }},
		{Head: "ID", About: "of the goal", Width: 9, Grow: true, Left: true, Drop: 3, Cell: func(g goalRow) string { return g.ID.String() }},
	}
}

func signOfGoal(g goalRow) table.Sign {
	switch g.State {
	case goal.Failed.String(), goal.Lost.String(), services.StateRejected:
		return table.Sign{Mark: "!", Level: theme.Problem}
	case goal.Cancelled.String():
		return table.Sign{Mark: "~", Level: theme.Warning}
	}
	if g.Ended {
		return table.Sign{Mark: ".", Level: theme.Faint}
	}
	return table.Sign{}
}

// goalNote tells when a goal was started and by which process, and whether that is still there.
func (m *Model) goalNote(g *goalRow) string {
	client := fmt.Sprintf("%s (pid %d)", named(g.Caller.Unit), g.Caller.PID)
	if !g.Ended && !m.present(g.Caller.ID) {
		return client + " is gone: the server cancels the goal, unless it outlives its clients"
	}
	return fmt.Sprintf("%s started it %s, id %s", client, m.when(g.Started), g.ID)
}
