package screen

import (
	"bytes"
	"io"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/watch"
)

type interval = time.Duration

// A file is a file that a test makes.
type file struct {
	bytes.Buffer
	closed bool
}

func (f *file) Close() error {
	f.closed = true
	return nil
}

func create(files map[string]*file) func(string) (io.WriteCloser, error) {
	return func(name string) (io.WriteCloser, error) {
		if files[name] != nil {
			return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrExist}
		}
		files[name] = &file{}
		return files[name], nil
	}
}

func TestViews_ByNumberTabAndCommand(t *testing.T) {
	d := drive(t, &script{make: robot}, 80, 24, 20)
	titles := []string{"Topics", "Connections", "Processes", "Graph", "Memory", "Log", "Detail", "Help", "Services", "Goals", "Parameters"}
	for i, title := range titles {
		if d.press(viewKeys[i : i+1]); d.page().title() != title {
			t.Errorf("%c shows %s", viewKeys[i], d.page().title())
		}
	}
	for _, title := range titles {
		if d.press("tab"); d.page().title() != title {
			t.Errorf("tab shows %s, not %s", d.page().title(), title)
		}
	}
	if d.press("1", "shift+tab"); d.page().title() != "Parameters" {
		t.Errorf("shift+tab shows %s", d.page().title())
	}
	for _, title := range titles {
		d.press(":").typed(strings.ToLower(title)).press("enter")
		if d.page().title() != title {
			t.Errorf(":%s shows %s", strings.ToLower(title), d.page().title())
		}
	}
}

func TestBreadcrumbs_EscGoesBack(t *testing.T) {
	d := drive(t, &script{make: robot}, 100, 24, 20).press("3", "down", "enter")
	d.shows("Processes › planner (pid 1002)", "robot/odometry")
	d.lacks("robot/status")
	d.press("enter").shows("Processes › planner (pid 1002) › robot/imu", "[live]")
	d.press("?").shows("› Help")
	d.press("?", "esc", "esc").shows("3 Processes", "UNIT↑", ">  planner")
	if d.press("esc"); d.page() != d.roots[0] {
		t.Errorf("esc ends at %s", d.page().title())
	}
	for range 40 {
		d.press("enter", "?")
	}
	if len(d.stack) > 16 {
		t.Errorf("%d pages", len(d.stack))
	}
}

func TestMouse_SelectsOpensAndSorts(t *testing.T) {
	d := drive(t, &script{make: robot}, 80, 24, 20)
	click := func(x, y int) { d.send(tea.MouseClickMsg{X: x, Y: y, Button: tea.MouseLeft}) }
	at := func(line int, s string) int {
		l := strings.Split(d.screen(), "\n")[line]
		return text.Width(l[:strings.Index(l, s)])
	}
	click(10, above+3)
	if r, _ := topicsOf(d).Picked(); r.Name != "robot/imu" {
		t.Errorf("a click picks %s", r.Name)
	}
	click(10, above+3)
	d.shows("› robot/imu")
	click(5, 1) // the breadcrumbs
	click(at(above, "MSG/S"), above)
	if names(d)[0] != "imu" || topicsOf(d).Sorted() != "MSG/S" {
		t.Errorf("sorted by %s: %v", topicsOf(d).Sorted(), names(d))
	}
	for range 2 {
		d.send(tea.MouseWheelMsg{Button: tea.MouseWheelDown})
	}
	d.send(tea.MouseWheelMsg{Button: tea.MouseWheelUp})
	if topicsOf(d).Cursor() != 3 {
		t.Errorf("the wheel goes to row %d", topicsOf(d).Cursor())
	}
	click(at(1, "4 Grap"), 1)
	d.shows("driver (pid 1001)")
	for y := range 26 {
		click(20, y)
	}
	for x := range 82 {
		click(x, 0)
		click(x, 1)
		click(x, above)
	}
}

func TestSplit_ClicksOnTheMessageDoNothing(t *testing.T) {
	d := drive(t, &script{make: robot}, 160, 24, 20).press("v").polls(2)
	before, _ := topicsOf(d).Picked()
	d.send(tea.MouseClickMsg{X: 150, Y: above + 4, Button: tea.MouseLeft})
	if r, _ := topicsOf(d).Picked(); r.Name != before.Name {
		t.Errorf("it picks %s", r.Name)
	}
}

func TestQuit_FromEverywhere(t *testing.T) {
	for _, keys := range [][]string{{"q"}, {"ctrl+c"}, {"/", "ctrl+c"}, {":", "q", "u", "i", "t", "enter"}, {"enter", "q"}, {"?", "q"}, {"7", "m", "q"}} {
		d := drive(t, &script{make: robot}, 80, 24, 2)
		d.press(keys...)
		if !slices.Contains(d.asked, tea.Quit()) {
			t.Errorf("%v does not quit", keys)
		}
	}
	d := drive(t, &script{make: robot}, 80, 24, 2).press("ctrl+z")
	if !slices.Contains(d.asked, tea.Suspend()) {
		t.Error("ctrl+z does not suspend")
	}
}

func TestCommands_Answers(t *testing.T) {
	for typed, want := range map[string]string{
		"nonsense":         `no command "nonsense"; ? lists them`,
		"s":                `"s" may be services, sort, show, save`,
		"gr":               `"gr" may be graph, group`,
		"detail no/such":   `no topic "no/such"`,
		"detail robot/map": "› robot/map",
		"interval 1ns":     "not between 100ms and 1h",
		"plot x":           "only the detail of a topic has plots",
		"filter ^robot/m":  "/^robot/m 1 of 7",
		"":                 "TOPIC↑",
	} {
		drive(t, &script{make: robot}, 80, 24, 20).press(":").typed(typed).press("enter").shows(want)
	}
	d := drive(t, &script{make: robot}, 80, 24, 20).press(":").typed("conn").press("tab")
	if d.prompt.typed != "connections " {
		t.Errorf("completed to %q", d.prompt.typed)
	}
	d.press("esc", ":").typed("interval 5s").press("enter")
	if d.opts.Interval != 5*time.Second {
		t.Errorf("interval %v", d.opts.Interval)
	}
	d.press("8", ":").typed("sort x").press("enter").shows("this view has no table")
}

// The help has every key of the map once, every command, and every column; it scrolls to its end on the smallest screen.
func TestHelp_MadeOfTheKeyMap(t *testing.T) {
	d := drive(t, &script{make: robot}, 200, 24, 2)
	all := strings.Join(d.helpLines(200), "\n")
	seen := make(map[string]bool)
	for _, g := range d.keys.groups() {
		for _, b := range g.keys {
			if b.Help().Key == "" || !strings.Contains(all, b.Help().Desc) {
				t.Errorf("%v has no help", b.Keys())
			}
			for _, s := range b.Keys() {
				if seen[s] {
					t.Errorf("%q is bound twice", s)
				}
				seen[s] = true
			}
		}
	}
	for _, b := range []key.Binding{d.keys.Save, d.keys.Suspend, d.keys.CopyPath, d.keys.Columns} {
		if !seen[b.Keys()[0]] {
			t.Errorf("%v is not in the help", b.Keys())
		}
	}
	for _, c := range commands() {
		if !strings.Contains(all, c.about) {
			t.Errorf(":%s has no help", c.name)
		}
	}
	for _, p := range d.roots {
		if p, ok := p.(described); ok {
			for _, c := range p.describe() {
				if c.about == "" || !strings.Contains(all, c.about) {
					t.Errorf("column %s is not explained", c.head)
				}
			}
		}
	}
	d = drive(t, &script{make: robot}, 40, 12, 2).press("8", "end")
	d.shows("before a column")
	d.press("right", "right").lacks("- before a column")
}

func TestInspection_OnlyWhatIsShown(t *testing.T) {
	s := &wants{script: script{make: robot}}
	d := drive(t, s, 80, 24, 3)
	if s.last&(watch.WantMemory|watch.WantProcesses) != 0 {
		t.Errorf("the topics inspect %b", s.last)
	}
	scans := s.scans
	if d.press("3"); s.last&watch.WantProcesses == 0 || s.scans != scans+1 {
		t.Errorf("the processes inspect %b, after %d scans", s.last, s.scans-scans)
	}
	d.shows("8.39 MB")
	if d.press("1").scans(1); s.last&watch.WantProcesses != 0 {
		t.Errorf("back at the topics %b", s.last)
	}
}

type wants struct {
	script
	last  watch.Want
	scans int
}

func (s *wants) Snapshot() (watch.Snapshot, error) {
	s.scans++
	return s.script.Snapshot()
}

func (s *wants) Inspect(all []participant, want watch.Want) watch.Inspection {
	s.last = want
	return s.script.Inspect(all, want)
}

// Every page holds every size.
func TestEverySizeHoldsEveryPage(t *testing.T) {
	d := drive(t, &script{make: robot}, 80, 24, 20)
	for _, keys := range [][]string{{"1"}, {"v"}, {"2"}, {"3"}, {"4"}, {"v", "5"}, {"6"}, {"1", "down", "down", "enter"}, {"m"}, {"down", "enter"}, {"x"}, {"8"}, {"1", "t", "w", "c"}, {"esc", "/", "a"}, {"esc", ":", "s"}} {
		d.press(keys...).polls(2)
		for w := range 23 {
			for h := range 8 {
				d.send(tea.WindowSizeMsg{Width: 1 + 9*w, Height: 1 + 4*h})
			}
		}
		d.send(tea.WindowSizeMsg{Width: 80, Height: 24}).polls(1)
	}
}
