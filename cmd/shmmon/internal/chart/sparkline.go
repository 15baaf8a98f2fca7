// Package chart draws series of figures with characters: sparklines of one line, plots of several, and bars.
//
// Figures come from other processes. What is not finite is a gap in the picture.
package chart

import (
	"math"
	"strings"
)

// steps are the characters of a sparkline, of stepBytes bytes each.
const (
	steps     = "▁▂▃▄▅▆▇█"
	stepBytes = len("█")
	stepCount = len(steps) / stepBytes
)

// Sparkline draws the newest figures of a series in exactly width cells, the newest at the right. The scale begins at 0, so that small
// changes look small, unless a figure is negative.
func Sparkline(series []float64, width int) string {
	if len(series) > width {
		series = series[len(series)-width:]
	}
	low, high, ok := bounds(series)
	low = min(low, 0)
	var b strings.Builder
	b.WriteString(strings.Repeat(" ", max(0, width-len(series))))
	for _, v := range series {
		switch {
		case !ok || !finite(v):
			b.WriteByte(' ')
		case high <= low:
			b.WriteString(steps[:stepBytes])
		default:
			i := step(v, low, high, stepCount)
			b.WriteString(steps[i*stepBytes : (i+1)*stepBytes])
		}
	}
	return b.String()
}

// step returns the step from 0 to n-1 in which v lies between low and high. Halves keep differences of large figures finite.
func step(v, low, high float64, n int) int {
	part := (v/2 - low/2) / (high/2 - low/2)
	return max(0, min(n-1, int(part*float64(n))))
}

// Bar draws a part of 1 in width cells.
func Bar(part float64, width int) string {
	full := 0
	if finite(part) {
		full = max(0, min(width, int(math.Round(part*float64(width)))))
	}
	return strings.Repeat("█", full) + strings.Repeat("░", width-full)
}

// bounds returns the least and the greatest finite figure; ok is false without one.
func bounds(series []float64) (low, high float64, ok bool) {
	for _, v := range series {
		switch {
		case !finite(v):
		case !ok:
			low, high, ok = v, v, true
		default:
			low, high = min(low, v), max(high, v)
		}
	}
	return low, high, ok
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
