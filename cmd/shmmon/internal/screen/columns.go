package screen

import (
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/shmbus/shmbus/cmd/shmmon/internal/table"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/theme"
)

// A choice is a column of another table, shown or not.
type choice struct {
	index             int
	head, about, mark string
}

// A described table tells its columns.
type described interface{ describe() []choice }

// describe returns the columns of the page's table.
func (p *tablePage[R]) describe() []choice {
	all := make([]choice, len(p.Columns))
	for i, c := range p.Columns {
		all[i] = choice{index: i, head: c.Head, about: c.About, mark: "[ ]"}
		if p.Shown(i) {
			all[i].mark = "[x]"
		}
	}
	return all
}

func staysShown(head string) error { return fmt.Errorf("%s always stays", strings.ToUpper(head)) }

// columnsPage lets the columns of a table be chosen.
func columnsPage(m *Model, of tabular) page {
	return &tablePage[choice]{
		name: "Columns",
		Table: &table.Table[choice]{
			Key: func(c choice) string { return c.head },
			Columns: []table.Column[choice]{
				{Head: "COLUMN", Width: 12, Left: true, Cell: func(c choice) string { return c.head }, Order: func(a, b choice) int { return a.index - b.index }},
				{Head: "SHOWN", Width: 5, Left: true, Cell: func(c choice) string { return c.mark }},
				{Head: "MEANING", Width: 10, Grow: true, Left: true, Drop: 1, Cell: func(c choice) string { return c.about }},
			},
		},
		rows: func(*Model) []choice {
			if d, ok := of.(described); ok {
				return d.describe()
			}
			return nil
		},
		open: func(m *Model, c choice) tea.Cmd {
			if !of.Choose(c.index, !of.Shown(c.index)) {
				m.say(theme.Warning, staysShown(c.head).Error())
			}
			m.page().update(m)
			return nil
		},
	}
}
