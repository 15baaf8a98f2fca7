package screen

import (
	"strconv"

	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/services"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/table"
	"github.com/shmbus/shmbus/registry"
)

type parameter = services.Parameter

func parametersPage(m *Model) *tablePage[parameter] {
	return &tablePage[parameter]{
		name: "Parameters", read: services.WantParameters,
		Table: &table.Table[parameter]{
			Columns: parameterColumns(), Nothing: m.nothingOf(services.WantParameters, "parameters"),
			Key:   func(p parameter) string { return p.Owner.ID.String() + "\x00" + p.Name },
			Group: func(p parameter) string { return p.Name },
		},
		rows: func(m *Model) []parameter { return m.parameters },
		note: func(_ *Model, p parameter) string { return escape(p.Name) + " = " + escape(p.Value) },
	}
}

func parameterColumns() []table.Column[parameter] {
	return []table.Column[parameter]{
		{Head: "NAME", About: "of the parameter", Width: 12, Grow: true, Left: true,
			Cell: func(p parameter) string { return escape(p.Name) }, Order: table.Names(func(p parameter) string { return p.Name })},
		{Head: "VALUE", About: "as shmmon param get prints it, cut", Width: 10, Grow: true, Left: true, Cell: func(p parameter) string { return named(p.Value) }},
		{Head: "TYPE", About: "which never changes", Width: 12, Left: true, Drop: 2, Cell: func(p parameter) string { return p.Type }},
		{Head: "UNIT", About: "owner", Width: 8, Grow: true, Left: true, Cell: func(p parameter) string { return named(p.Owner.Unit) }},
		{Head: "PID", About: "of the owner", Width: 7, Drop: 3, Cell: func(p parameter) string { return strconv.Itoa(p.Owner.PID) },
			Order: func(a, b parameter) int { return a.Owner.PID - b.Owner.PID }},
		{Head: "SET", About: "rw: other processes may set it; ro: only its owner", Width: 3, Left: true, Drop: 1,
			Cell: func(p parameter) string {
				if p.ReadOnly {
					return "ro"
				}
				return "rw"
			}},
		{Head: "REVISION", About: "number of the owner's change that set it", Width: 8, Drop: 5,
			Cell: func(p parameter) string { return text.Count(p.Revision) }, Order: table.Most(func(p parameter) uint64 { return p.Revision })},
		{Head: "DESCRIPTION", About: "by its owner", Width: 12, Grow: true, Left: true, Drop: 4, Cell: func(p parameter) string { return named(p.Description) }},
	}
}

// present reports whether a participant is there and alive.
func (m *Model) present(id registry.ID) bool {
	for i := range m.view.Participants {
		if p := &m.view.Participants[i]; p.ID == id {
			return p.Alive
		}
	}
	return false
}
