package chart

import (
	"math"
	"strings"
	"testing"

	"github.com/shmbus/shmbus/cmd/internal/text"
)

func TestSparkline_Shape(t *testing.T) {
	for _, c := range []struct {
		series []float64
		width  int
		want   string
	}{
		{nil, 4, "    "},
		{[]float64{0, 0}, 4, "  ▁▁"},
		{[]float64{0, 1, 2, 3, 4, 5, 6, 7}, 8, "▁▂▃▄▅▆▇█"},
		{[]float64{9, 9, 0, 8}, 2, "▁█"},
		{[]float64{5, 5, 5}, 3, "███"},
		{[]float64{math.NaN(), 1, math.Inf(1)}, 3, " █ "},
		{[]float64{-math.MaxFloat64, math.MaxFloat64}, 2, "▁█"},
		{[]float64{-1, 0, 1}, 3, "▁▅█"},
	} {
		if got := Sparkline(c.series, c.width); got != c.want {
			t.Errorf("%v: %q, want %q", c.series, got, c.want)
		}
	}
}

func TestPlot_Shape(t *testing.T) {
	var rising []float64
	for i := range 18 {
		rising = append(rising, float64(i))
	}
	got := strings.Join(Plot(rising, 15, 3), "\n")
	lines := strings.Split(got, "\n")
	if len(lines) != 3 || !strings.HasPrefix(lines[0], "   17│") || !strings.HasPrefix(lines[2], "    0│") {
		t.Fatalf("\n%s", got)
	}
	for _, l := range lines {
		if text.Width(l) != 15 {
			t.Errorf("%d cells in %q", text.Width(l), l)
		}
	}
	top, bottom := []rune(lines[0]), []rune(lines[2])
	if top[len(top)-1] == '⠀' || top[6] != '⠀' || bottom[6] == '⠀' || bottom[len(bottom)-1] != '⠀' {
		t.Errorf("it does not rise:\n%s", got)
	}
}

// Every series of any size is drawn within its cells.
func TestPlot_HostileFigures(t *testing.T) {
	series := []float64{math.NaN(), math.Inf(-1), math.MaxFloat64, -math.MaxFloat64, 0, math.SmallestNonzeroFloat64, math.Inf(1)}
	for n := range len(series) + 1 {
		for w := range 40 {
			for h := range 5 {
				for _, l := range Plot(series[:n], w, h) {
					if text.Width(l) > w {
						t.Fatalf("%d cells of %d: %q", text.Width(l), w, l)
					}
				}
			}
		}
	}
}

func TestBar_Bounds(t *testing.T) {
	for part, want := range map[float64]string{0: "░░░░", 0.5: "██░░", 1: "████", 7: "████", -1: "░░░░"} {
		if got := Bar(part, 4); got != want {
			t.Errorf("%v: %q", part, got)
		}
	}
	if got := Bar(math.NaN(), 2); got != "░░" {
		t.Errorf("%q", got)
	}
}
