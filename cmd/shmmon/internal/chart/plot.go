package chart

import (
	"strconv"
	"strings"

	"github.com/shmbus/shmbus/cmd/internal/text"
)

// dots are the bits of the dots of a braille character by column and row.
var dots = [2][4]rune{{0x01, 0x02, 0x04, 0x40}, {0x08, 0x10, 0x20, 0x80}}

// Plot draws the newest figures of a series as a line in width by height cells, the newest at the right, with the scale at the left. A
// cell has two by four dots.
func Plot(series []float64, width, height int) []string {
	if height < 1 || width < 1 {
		return nil
	}
	label := min(10, width/3)
	across, down := 2*(width-label-1), 4*height
	if across < 2 {
		return nil
	}
	if len(series) > across {
		series = series[len(series)-across:]
	}
	low, high, ok := bounds(series)
	cells := make([][]rune, height)
	for i := range cells {
		cells[i] = []rune(strings.Repeat("⠀", across/2))
	}
	set := func(x, y int) { cells[y/4][x/2] |= dots[x%2][y%4] }
	before := -1
	for i, v := range series {
		if !ok || !finite(v) {
			before = -1
			continue
		}
		x, y := across-len(series)+i, down/2
		if high > low {
			y = down - 1 - step(v, low, high, down)
		}
		set(x, y)
		for before >= 0 && before != y { // the line to the figure before
			if before < y {
				before++
			} else {
				before--
			}
			set(x, before)
		}
		before = y
	}
	lines := make([]string, height)
	for i := range lines {
		scale := ""
		switch {
		case !ok:
		case i == 0:
			scale = Number(high)
		case i == height-1:
			scale = Number(low)
		}
		lines[i] = text.Right(scale, label) + "│" + string(cells[i])
	}
	return lines
}

// Number writes a figure in at most ten characters.
func Number(v float64) string {
	s := strconv.FormatFloat(v, 'g', 6, 64)
	if len(s) > 10 {
		s = strconv.FormatFloat(v, 'g', 3, 64)
	}
	return s
}
