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

type process = watch.Process

func processesPage(m *Model) *tablePage[process] {
	return &tablePage[process]{
		name: "Processes", wants: watch.WantProcesses | watch.WantMemory,
		Table: &table.Table[process]{
			Columns: processColumns(m), Sign: signOfProcess, Nothing: m.noTopics,
			Key: func(p process) string { return p.ID.String() },
			Texts: func(p process) []string {
				return []string{escape(p.Unit), strconv.Itoa(p.PID), p.User, p.State, escape(p.Executable)}
			},
		},
		rows: func(m *Model) []process { return m.processes.Of(m.view, m.inspection) },
		open: func(m *Model, p process) tea.Cmd {
			title := fmt.Sprintf("%s (pid %d)", escape(p.Unit), p.PID)
			return m.opened.connections.openFor(m, title, func(c connection) bool {
				return c.Publisher.Owner.ID == p.ID || c.Subscriber.Owner.ID == p.ID
			})
		},
	}
}

func processColumns(m *Model) []table.Column[process] {
	count := func(head, name, about string, width, drop int, of func(process) int) table.Column[process] {
		return table.Column[process]{Head: head, About: about, Width: width, Drop: drop, Saved: saved(name, of),
			Cell: func(p process) string { return strconv.Itoa(of(p)) }, Order: table.Most(of)}
	}
	bytes := func(head, name, about string, drop int, of func(process) int64) table.Column[process] {
		return table.Column[process]{Head: head, About: about, Width: 8, Drop: drop, Order: table.Most(of), Saved: saved(name, func(p process) any { return known(of(p)) }),
			Cell: func(p process) string { return bytesOr(of(p)) }}
	}
	return []table.Column[process]{
		{Head: "UNIT", Saved: saved("unit", func(p process) any { return p.Unit }), About: "the name that a participant gives itself", Width: 14, Grow: true, Left: true,
			Cell: func(p process) string { return named(p.Unit) }, Order: table.Names(func(p process) string { return p.Unit })},
		{Head: "PID", Saved: saved("pid", func(p process) any { return p.PID }), About: "in the pid namespace of the process", Width: 7,
			Cell: func(p process) string { return strconv.Itoa(p.PID) }, Order: func(a, b process) int { return a.PID - b.PID }},
		{Head: "USER", Saved: saved("user", func(p process) any { return p.User }), About: "owner of its files", Width: 8, Left: true, Drop: 5, Cell: func(p process) string { return named(p.User) }},
		{Head: "STATE", Saved: saved("state", func(p process) any { return p.State }), About: "live; stopped by a signal; ended, with its lock held; unseen from here; dead: it ended without leaving, in the last minute if its files are removed", Width: 7, Left: true,
			Cell: func(p process) string { return p.State }},
		{Head: "CPU", Saved: saved("cpu", func(p process) any {
			if p.CPU < 0 {
				return nil
			}
			return p.CPU
		}), About: "of one core, since the scan before", Width: 5, Drop: 1, Cell: cpuCell, Order: table.Most(func(p process) float64 { return p.CPU })},
		bytes("MEMORY", "resident", "resident memory of the process", 2, func(p process) int64 { return p.Resident }),
		bytes("SHARED", "shared", "its files in the domain", 4, func(p process) int64 { return p.Shared }),
		count("PUB", "publishers", "publishers", 3, 6, func(p process) int { return p.Publishers }),
		count("SUB", "subscriptions", "subscriptions", 3, 7, func(p process) int { return p.Subscriptions }),
		count("TOPICS", "topics", "topics that it publishes or subscribes to", 6, 3, func(p process) int { return p.Topics }),
		{Head: "MSG/S", Saved: saved("rate", func(p process) any { return p.Rate }), About: "that it publishes", Width: 6, Drop: 8, Cell: func(p process) string { return text.Rate(p.Rate) },
			Order: table.Most(func(p process) float64 { return p.Rate })},
		{Head: "LOST", Saved: saved("lost", func(p process) any { return p.Lost }), About: "by its subscriptions", Width: 6, Drop: 3, Cell: func(p process) string { return text.Count(p.Lost) },
			Order: table.Most(func(p process) uint64 { return p.Lost })},
		{Head: "UP", Saved: saved("uptime_s", func(p process) any { return secondsSince(m, int64(p.Since)) }), About: "time since it joined", Width: 8, Drop: 9, Cell: func(p process) string { return text.Duration(m.view.At - int64(p.Since)) },
			Order: func(a, b process) int { return int(min(max(int64(a.Since-b.Since), -1), 1)) }},
		{Head: "VERSION", Saved: saved("version", func(p process) any { return p.Version }), About: "of shmbus in its executable", Width: 9, Left: true, Drop: 11, Cell: func(p process) string { return named(p.Version) }},
		{Head: "EXECUTABLE", Saved: saved("executable", func(p process) any { return p.Executable }), About: "path of its program", Width: 16, Grow: true, Left: true, Drop: 10,
			Cell: func(p process) string { return named(p.Executable) }},
	}
}

func cpuCell(p process) string {
	if p.CPU < 0 {
		return "-"
	}
	return strconv.FormatFloat(100*p.CPU, 'f', 1, 64) + "%"
}

func bytesOr(n int64) string {
	if n < 0 {
		return "-"
	}
	return text.Bytes(uint64(n))
}

func signOfProcess(p process) table.Sign {
	switch p.State {
	case "dead", "ended":
		return table.Sign{Mark: "x", Level: theme.Problem}
	case "stopped":
		return table.Sign{Mark: "s", Level: theme.Warning}
	case "unseen":
		return table.Sign{Mark: "?", Level: theme.Faint}
	}
	return table.Sign{}
}
