package screen

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden screens anew")

func golden(t *testing.T, name, got string) {
	t.Helper()
	lines := strings.Split(ansi.Strip(got), "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight(l, " ")
	}
	got = strings.Join(lines, "\n") + "\n"
	path := filepath.Join("testdata", name+".txt")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs from what it was (-update accepts it):\n%s", path, diff)
	}
}

// sizes are a usual terminal, a small one and a large one.
var sizes = []struct {
	name          string
	width, height int
}{{"80x24", 80, 24}, {"40x12", 40, 12}, {"200x60", 200, 60}}

// Each view is the same as it was, at three sizes, without colour.
func TestScreens_ViewsAtThreeSizes(t *testing.T) {
	for _, c := range []struct {
		name string
		keys []string
	}{
		{"topics", nil},
		{"topics-filtered", []string{"/", "l", "i", "enter", "p"}},
		{"topics-grouped", []string{"t", "t", "down", "down", "enter"}},
		{"topics-wide", []string{"w", "right", "right"}},
		{"topics-split", []string{"down", "down", "v"}},
		{"connections", []string{"2", "end"}},
		{"processes", []string{"3"}},
		{"graph", []string{"4"}},
		{"memory", []string{"5"}},
		{"log", []string{"6"}},
		{"detail-endpoints", []string{"down", "down", "enter"}},
		{"detail-message", []string{"down", "down", "7", "m"}},
		{"detail-hex", []string{"down", "down", "7", "x"}},
		{"help", []string{"8"}},
		{"columns", []string{"c"}},
	} {
		for _, s := range sizes {
			t.Run(c.name+"-"+s.name, func(t *testing.T) {
				d := drive(t, &script{make: robot}, s.width, s.height, 60)
				d.press(c.keys...).scans(1).polls(20)
				golden(t, c.name+"-"+s.name, d.content())
			})
		}
	}
}

func TestScreens_Others(t *testing.T) {
	golden(t, "too-small", drive(t, &script{make: robot}, 39, 5, 2).content())
	golden(t, "smallest", drive(t, &script{make: robot}, 40, 6, 2).content())
	empty := &script{make: func(int64) []memberFixture { return nil }}
	golden(t, "empty-80x24", drive(t, empty, 80, 24, 1).content())
	d := drive(t, &script{make: robot}, 80, 24, 90).press("down", "down", "7", "m").polls(40)
	golden(t, "detail-plot-80x24", d.press("down", "enter").polls(1).content())
	d = drive(t, &script{make: robot}, 80, 24, 90)
	d.opts.ASCII = true
	golden(t, "topics-ascii-80x24", d.content())
	golden(t, "filter-80x24", drive(t, &script{make: robot}, 80, 24, 90).press("/", "l", "i").content())
	golden(t, "command-80x24", drive(t, &script{make: robot}, 80, 24, 90).press(":").typed("so").content())
}
