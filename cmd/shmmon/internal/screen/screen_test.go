package screen

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"

	"github.com/shmbus/shmbus/record"
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

// The screen that the program gets is the current one after each message, though it is not drawn anew after those that change nothing.
func TestView_IsCurrent(t *testing.T) {
	r := &recording{}
	d := driveWith(t, &script{make: robot}, &Options{Recorders: r, Messages: &messages{of: imu}}, 80, 24, 0)
	check := func(after string) {
		t.Helper()
		if shown := d.View().Content; shown != d.content() {
			t.Errorf("after %s the screen is\n%s\nand not\n%s", after, shown, d.content())
		}
	}
	check("the size")
	for range 20 {
		d.send(d.scan()())
		check("a scan")
	}
	r.all = append(r.all, recorder(record.Losing))
	d.send(d.scan()(), tickMsg{})
	check("a recorder")
	for _, k := range []string{"down", "down", "v", "p", "p", "2", "8", "1", "enter", "m", "/", "a", "enter", "esc", "esc"} {
		d.press(k)
		check(k)
		d.polls(1)
		check("a message")
	}
	d.send(tea.ColorProfileMsg{Profile: colorprofile.TrueColor}, tea.WindowSizeMsg{Width: 100, Height: 30})
	check("another terminal")
	before := d.drawn
	if d.drawn = "kept"; d.send(tickMsg{-1}, recordersMsg(r.all)).drawn != "kept" {
		t.Error("it is drawn anew though nothing changed")
	}
	d.drawn = before
}

// Of a thousand topics and two hundred processes each is counted and can be reached on a narrow screen.
func TestScreen_ThousandTopicsTwoHundredProcesses(t *testing.T) {
	d := drive(t, &script{make: many}, 60, 24, 6)
	golden(t, "topics-1000-60x24", d.content())
	d.press("end").shows("area99/unit9/figure")
	d.press("home", "/").typed("area42/unit7").press("enter").shows("/area42/unit7 1 of 1000", "295")
	d.press("enter").shows("out42", "in42").press("esc", "esc")
	d.press(":").typed("sort msg/s").press("enter", "home")
	if r, _ := topicsOf(d).Picked(); r.Name != "area99/unit9/figure" {
		t.Errorf("the topic of the highest rate is %s", r.Name)
	}
	for view, last := range map[string]string{"2": "out99", "3": "out99", "4": "in99", "5": "area99/unit9/figure"} {
		d.press(view, "end").shows(last)
	}
	d.press("2", "/").typed("area07/").press("enter").shows("10 of 1000")
	d.press("3", "/").typed("out0").press("enter").shows("10 of 200")
}
