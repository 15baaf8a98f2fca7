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
	rows  [][]string
}

// NewGrid returns a table without rows. A leading '>' in a head puts the cells of its column to the right.
func NewGrid(heads ...string) *Grid {
	g := &Grid{right: make([]bool, len(heads))}
	for i, h := range heads {
		h, g.right[i] = strings.CutPrefix(h, ">")
		g.heads = append(g.heads, h)
	}
	return g
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
				line.WriteString(text.Left(cell, widths[i]))
			}
		}
		b.WriteString(strings.TrimRight(line.String(), " "))
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, b.String())
	return err
}
