package screen

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"
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

func TestScreens(t *testing.T) {
	for _, c := range []struct {
		name          string
		width, height int
		keys          []string
	}{
		{"table-80x24", 80, 24, nil},
		{"table-160x50", 160, 50, nil},
		{"table-40x6", 40, 6, nil},
		{"too-small", 39, 5, nil},
		{"sorted-80x24", 80, 24, []string{"left", "left", "left", "left"}}, // by a column that has no room otherwise
		{"filter-80x24", 80, 24, []string{"/", "l", "i"}},
		{"filtered-80x24", 80, 24, []string{"/", "l", "i", "enter", "p"}},
		{"detail-80x24", 80, 24, []string{"down", "down", "down", "enter"}},
		{"detail-160x50", 160, 50, []string{"end", "up", "enter"}},
		{"help-80x24", 80, 24, []string{"?"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := drive(t, &script{make: robot}, c.width, c.height, 90)
			golden(t, c.name, press(t, m, c.keys...).View())
		})
	}
	empty := &script{make: func(int64) []memberFixture { return nil }}
	golden(t, "empty-80x24", drive(t, empty, 80, 24, 1).View())
}

func TestEverySizeHoldsTheScreen(t *testing.T) {
	m := drive(t, &script{make: robot}, 80, 24, 90)
	screens := [][]string{{"/", "robot"}, {"enter", "enter"}, {"enter", "?"}, {"esc", "esc", "esc"}}
	for range m.columns {
		screens = append(screens, []string{"right"})
	}
	for _, keys := range screens {
		m = press(t, m, keys...)
		for w := range 60 {
			for h := range 12 {
				m = send(t, m, tea.WindowSizeMsg{Width: 1 + 3*w, Height: 1 + 2*h})
			}
		}
		m = send(t, m, tea.WindowSizeMsg{Width: 80, Height: 24})
	}
}

func names(m Model) []string {
	var all []string
	for _, r := range m.rows {
		all = append(all, strings.TrimPrefix(r.Name, "robot/"))
	}
	return all
}

func TestSortByEveryColumn(t *testing.T) {
	m := drive(t, &script{make: robot}, 200, 24, 90)
	want := map[string]string{
		"TOPIC": "arm/left/joint/3/temperature/celsius/filtered", "PUB": "arm/left/joint/3/temperature/celsius/filtered", "MSG/S": "imu",
		"BANDWIDTH": "lidar/points", "SIZE": "map", "LOST": "lidar/points", "P50": "lidar/points", "P99": "lidar/points",
		"TYPE": "goal", "ENCODING": "goal",
	}
	for range m.columns {
		head := m.columns[m.sort].head
		if w := want[head]; w != "" && names(m)[0] != w {
			t.Errorf("by %s the first is %v", head, names(m))
		}
		if view := m.View(); !strings.Contains(view, "↓"+head) && !strings.Contains(view, head+"↑") {
			t.Errorf("no arrow at %s:\n%s", head, m.View())
		}
		m = press(t, m, "right")
	}
	if m.sort != 0 {
		t.Errorf("after all columns the table is sorted by %s", m.columns[m.sort].head)
	}
	first := names(m)
	reversed := names(press(t, m, "r"))
	for i := range first {
		if first[i] != reversed[len(reversed)-1-i] {
			t.Fatalf("%v is not the reverse of %v", reversed, first)
		}
	}
	if m = press(t, m, "6"); m.columns[m.sort].head != "MSG/S" {
		t.Errorf("6 sorts by %s", m.columns[m.sort].head)
	}
	if m = press(t, m, "6"); !m.reverse {
		t.Error("6 twice does not reverse")
	}
}

func TestTheCursorStaysOnItsTopic(t *testing.T) {
	m := drive(t, &script{make: robot}, 80, 24, 90)
	m = press(t, m, "down", "down")
	picked := m.picked
	m = scans(t, press(t, m, "right", "right", "right", "r"), 3)
	if m.picked != picked || m.rows[m.cursor].Name != picked {
		t.Errorf("the cursor moved from %s to %s", picked, m.picked)
	}
	m = press(t, m, "end")
	if m.cursor != len(m.rows)-1 {
		t.Errorf("end goes to row %d of %d", m.cursor, len(m.rows))
	}
	m = press(t, m, "home", "up")
	if m.cursor != 0 {
		t.Errorf("home goes to row %d", m.cursor)
	}
}

func TestScrollingKeepsTheCursorInSight(t *testing.T) {
	many := &script{make: func(at int64) []memberFixture {
		var all []fixture
		for i := range 100 {
			all = append(all, publisher(fmt.Sprintf("t/%03d", i), "x", "raw", 10, 8, at, 1<<60))
		}
		return []memberFixture{member(1, "u", all...)}
	}}
	m := drive(t, many, 80, 24, 2)
	for i, k := range strings.Fields("end home pgdown pgdown down pgup end up up") {
		m = press(t, m, k)
		if !strings.Contains(m.View(), ">  "+m.picked) {
			t.Fatalf("after key %d (%s) %s is out of sight:\n%s", i, k, m.picked, m.View())
		}
	}
	m = press(t, m, "end")
	m = send(t, m, tea.WindowSizeMsg{Width: 80, Height: 10})
	if !strings.Contains(m.View(), ">  t/099") {
		t.Errorf("a smaller screen lost the cursor:\n%s", m.View())
	}
	m = send(t, m, tea.WindowSizeMsg{Width: 80, Height: 60})
	if !strings.Contains(m.View(), "t/043") || strings.Contains(m.View(), "t/042") {
		t.Errorf("a larger screen is not filled:\n%s", m.View())
	}
}

func TestFilter(t *testing.T) {
	m := press(t, drive(t, &script{make: robot}, 80, 24, 90), "/", "I", "M", "U")
	if diff := cmp.Diff([]string{"imu"}, names(m)); diff != "" {
		t.Error(diff)
	}
	if m = press(t, m, "backspace", "backspace", "q"); len(names(m)) != 0 || !strings.Contains(m.View(), "no topic matches") {
		t.Errorf("q does not filter: %v", names(m))
	}
	if m = press(t, m, "ctrl+u", "backspace", "N", "a", "v", "."); len(names(m)) != 2 {
		t.Errorf("by type: %v", names(m))
	}
	if m = press(t, m, "enter", "esc"); len(names(m)) != 7 || m.filter != "" {
		t.Errorf("esc does not clear: %v", names(m))
	}
	if m = press(t, m, "/", "x", "esc", "/"); m.filter != "" {
		t.Error("esc while typing does not clear")
	}
	m = press(t, m, strings.Repeat("ä", 400), "\x1b[31m\u202e")
	if len(m.filter) > maxFilter {
		t.Errorf("a filter of %d bytes", len(m.filter))
	}
}

func TestPauseHoldsTheFiguresAndNotTheRates(t *testing.T) {
	m := press(t, drive(t, &script{make: robot}, 80, 24, 20), "p")
	before := m.View()
	m = scans(t, m, 30)
	if m.View() != before {
		t.Error("a paused table moves")
	}
	m = scans(t, press(t, m, "p"), 1)
	if imu, _ := m.view.Find("robot/imu"); imu.Rate < 950 || imu.Rate > 1050 || m.view.At == 0 {
		t.Errorf("after the pause: %v Hz", imu.Rate)
	}
}

func TestDetail_StaleAndFiltered(t *testing.T) {
	for _, c := range []struct{ stale, filtered uint64 }{{0, 0}, {23, 0}, {0, 45}} {
		s := subscription(0, 0, "x")
		s.received.Stale, s.received.Filtered = c.stale, c.filtered
		m := drive(t, &script{make: func(at int64) []memberFixture {
			return []memberFixture{member(1, "u", publisher("x", "x", "raw", 10, 8, at, 1<<60), s)}
		}}, 80, 40, 2)
		view := press(t, m, "enter").View()
		if got := strings.Contains(view, fmt.Sprintf("%d stale   %d filtered", c.stale, c.filtered)); got != (c.stale+c.filtered > 0) {
			t.Errorf("%+v:\n%s", c, view)
		}
	}
}

func TestQuit(t *testing.T) {
	for _, keys := range [][]string{{"q"}, {"ctrl+c"}, {"/", "ctrl+c"}, {"enter", "q"}, {"?", "q"}} {
		m := press(t, drive(t, &script{make: robot}, 80, 24, 2), keys[:len(keys)-1]...)
		if _, cmd := m.Update(keyMsg(keys[len(keys)-1])); cmd == nil || cmd() != tea.Quit() {
			t.Errorf("%v does not quit", keys)
		}
	}
}

func TestDetailsOfATopicThatGoes(t *testing.T) {
	s := &script{make: robot}
	m := press(t, drive(t, s, 80, 24, 20), "down", "enter")
	s.make = func(int64) []memberFixture { return nil }
	m = scans(t, m, 1)
	if !strings.Contains(m.View(), "[gone]") {
		t.Error(m.View())
	}
	m = scans(t, m, 30)
	if !strings.Contains(m.View(), "is gone") {
		t.Error(m.View())
	}
	if m = press(t, m, "esc"); !strings.Contains(m.View(), "no participants in this domain") {
		t.Error(m.View())
	}
}

func TestTitle_GoneTopics(t *testing.T) {
	s := &script{make: robot}
	m := drive(t, s, 80, 24, 20)
	s.make = func(at int64) []memberFixture { return robot(at)[:1] }
	m = scans(t, m, 1)
	if title, _, _ := strings.Cut(m.View(), "\n"); !strings.Contains(title, "  4 topics  1 process") || len(m.rows) != 7 {
		t.Errorf("of 7 topics 4 are there; %q, %d rows", title, len(m.rows))
	}
	if title, _, _ := strings.Cut(press(t, m, "/", "m", "a", "p").View(), "\n"); !strings.Contains(title, "  0 of 4 topics") {
		t.Errorf("the filter shows one that is gone; %q", title)
	}
}

func TestModel_FailedScan(t *testing.T) {
	s := &script{make: robot}
	m := drive(t, s, 80, 24, 2)
	s.err = errors.New("scan the domain: no \x1b[2J permission")
	next, cmd := m.Update(m.scan()())
	if m = next.(Model); !strings.Contains(m.View(), `no \x1b[2J permission`) || cmd == nil {
		t.Error(m.View())
	}
	s.err = nil
	if m = scans(t, m, 1); strings.Contains(m.View(), "permission") {
		t.Error("the error stays")
	}
}

func TestModel_OneScanPerTick(t *testing.T) {
	m := drive(t, &script{make: robot}, 80, 24, 1)
	_, cmd := m.Update(tickMsg{})
	if cmd == nil {
		t.Fatal("no scan after a tick")
	}
	if _, ok := cmd().(snapshotMsg); !ok {
		t.Fatal("a tick leads to something else than a scan")
	}
}

func TestHostileNamesAreHarmless(t *testing.T) {
	evil := "\x1b[2J\x1b]0;x\a\u202e\u009b\xff\n\r" + strings.Repeat("漢", 60)
	s := &script{make: func(at int64) []memberFixture {
		p := publisher(evil, evil, evil, 1e9, 1<<63, at, 1<<60)
		p.published.Subscribers, p.published.Memory, p.published.Failed, p.published.LastStamp = 1<<64-1, 1<<64-1, 1<<64-1, 1<<63-1
		p.SchemaEncoding, p.Schema, p.Since = evil, []byte(evil), -1<<63
		sub := subscription(1<<64-1, 5, evil, "**")
		sub.TypeName, sub.AnyType = evil, false
		m := member(1, evil, p, sub)
		m.Executable, m.Since = evil, -1<<63
		return []memberFixture{m}
	}}
	m := drive(t, s, 80, 24, 4)
	for _, k := range []string{"enter", "down", "?", "?", "esc", "/", "x", "esc", "right", "right", "r", "p"} {
		m = scans(t, press(t, m, k), 1)
	}
}

func TestEveryKeyIsInTheHelpOnce(t *testing.T) {
	k := newKeyMap()
	seen := make(map[string]bool)
	var groups []key.Binding
	for _, g := range k.all() {
		groups = append(groups, g...)
	}
	for _, b := range groups {
		if b.Help().Key == "" || b.Help().Desc == "" {
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
