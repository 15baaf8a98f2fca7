package screen

import (
	"bytes"
	"io"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/watch"
	"github.com/shmbus/shmbus/registry"
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
		"sort trend":       "TREND is a drawing and has no order",
		"sort encoding":    " ↑ENCODING",
		"hide topic":       "TOPIC always stays",
		"show topic":       "TOPIC↑",
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

// What a subscription to a pattern lost is of no topic, so there is none to show.
func TestLog_PatternIsNoTopic(t *testing.T) {
	d := drive(t, &script{make: func(at int64) []memberFixture {
		return []memberFixture{
			member(1, "driver", publisher("a/x", "T", "raw", 10, 8, at, 1<<60), publisher("a/y", "T", "raw", 10, 8, at, 1<<60)),
			member(2, "listener", subscription(uint64(at), 0, "a/**")),
		}
	}}, 80, 24, 6).press("6", "end")
	d.shows(">!", "a/**")
	d.press("enter").shows("6 Log")
	d.press("7").lacks("gone")
	d.shows("a/x  [live]") // of the table of topics
}

// The detail is of the topic under the cursor of the table of topics where the view before has none, and there is none without topics.
func TestDetail_TopicOfTheTable(t *testing.T) {
	d := drive(t, &script{make: robot}, 80, 24, 5).press("down", "down")
	for _, view := range []string{"3", "8", "-"} {
		d.press(view, "7").shows("robot/imu  [live]")
	}
	drive(t, &script{make: func(int64) []memberFixture { return nil }}, 80, 24, 5).press("6", "7").shows("no topic is chosen")
}

// The views have whole words for names on a usual screen.
func TestTabs_Names(t *testing.T) {
	d := drive(t, &script{make: robot}, 80, 24, 5).shows("1 Topics 2 Conn 3 Proc 4 Graph 5 Mem 6 Log 7 Detail 8 Help 9 Serv 0 Goals - Par")
	d.press("-").shows("2 Conn 3 Proc 4 Graph 5 Mem 6 Log 7 Detail 8 Help 9 Serv 0 Goals - Par")
	d.send(tea.WindowSizeMsg{Width: 40, Height: 24}).shows("9 0 - Parameters")
	d.send(tea.WindowSizeMsg{Width: 140, Height: 24}).shows("5 Memory  6 Log")
}

// The log shows what happens as it happens, unless the cursor was moved to an older entry.
func TestLog_NewestStaysInSight(t *testing.T) {
	d := drive(t, &script{make: func(at int64) []memberFixture {
		return []memberFixture{member(1, "driver"), member(registry.ID(10+at/second), "restarting")}
	}}, 120, 12, 6).press("6")
	d.scans(30).shows(">      0 ns ago")
	d.press("down", "down").scans(3).shows(">    4.00 s ago")
	d.press("home").scans(3).shows(">      0 ns ago")
}
