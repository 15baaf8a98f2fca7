package cli

import (
	"io"
	"strings"

	"github.com/shmbus/shmbus/cmd/internal/text"
)

// A Grid is a table in plain text, each column as wide as it must be.
type Grid struct {
	heads []string
	right []bool
	names []bool // columns that may be cut
	rows  [][]string
	room  int // cells of a line; 0: any number
}

// NewGrid returns a table without rows. A leading '>' in a head puts the cells of its column to the right, a leading '~' says that they
// are names, which Fit may have cut.
func NewGrid(heads ...string) *Grid {
	g := &Grid{right: make([]bool, len(heads)), names: make([]bool, len(heads))}
	for i, h := range heads {
		h, g.right[i] = strings.CutPrefix(h, ">")
		h, g.names[i] = strings.CutPrefix(h, "~")
		g.heads = append(g.heads, h)
	}
	return g
}

// Fit has names cut in the middle, the longest ones first, so that a line has so many cells, and returns the table. Columns of names keep
// 12 cells, or 24 where the table is wider all the same. With 0 nothing is cut.
func (g *Grid) Fit(columns int) *Grid {
	g.room = columns
	return g
}

// fit makes columns of names narrower.
func (g *Grid) fit(widths []int) {
	const least, wide, between = 12, 24, 2
	over := between*(len(widths)-1) - g.room
	most := 0 // what cutting can save
	for i, w := range widths {
		over += w
		if g.names[i] {
			most += max(0, w-least)
		}
	}
	keep := least
	if most < over {
		keep = wide
	}
	for ; over > 0; over-- {
		widest := -1
		for i, w := range widths {
			if g.names[i] && w > keep && (widest < 0 || w > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			return
		}
		widths[widest]--
	}
}

// Add adds a row with a cell for each head. Cells are escaped, and empty ones shown as such.
func (g *Grid) Add(cells ...string) {
	row := make([]string, len(g.heads))
	for i := range row {
		row[i] = text.Name(cells[i])
	}
	g.rows = append(g.rows, row)
}

// Print writes the table to w.
func (g *Grid) Print(w io.Writer) error {
	lines := append([][]string{g.heads}, g.rows...)
	widths := make([]int, len(g.heads))
	for _, row := range lines {
		for i, cell := range row {
			widths[i] = max(widths[i], text.Width(cell))
		}
	}
	if g.room > 0 {
		g.fit(widths)
	}
	var b strings.Builder
	for _, row := range lines {
		var line strings.Builder
		for i, cell := range row {
			if i > 0 {
				line.WriteString("  ")
			}
			if g.right[i] {
				line.WriteString(text.Right(cell, widths[i]))
			} else {
				line.WriteString(text.Middle(cell, widths[i]))
			}
		}
		b.WriteString(strings.TrimRight(line.String(), " "))
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, b.String())
	return err
}
