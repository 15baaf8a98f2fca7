package screen

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/shmbus/shmbus/cmd/shmmon/internal/table"
	"github.com/shmbus/shmbus/registry"
)

// topicsOf returns the page of topics of a driver.
func topicsOf(d *driver) *tablePage[topic] { return d.roots[0].(*tablePage[topic]) }

// names returns the first words of the rows in sight.
func names(d *driver) (all []string) {
	lines := strings.Split(d.screen(), "\n")
	for _, l := range lines[above+1 : len(lines)-1] {
		if l = strings.TrimLeft(strings.TrimLeft(l, ">"), " ?~!.x*#s"); l != "" {
			all = append(all, strings.TrimPrefix(strings.Fields(l)[0], "robot/"))
		}
	}
	return all
}

func TestTopics_SortByEveryColumn(t *testing.T) {
	d := drive(t, &script{make: robot}, 200, 24, 90)
	first := map[string]string{
		"PUB": "arm/left/joint/3/temperature/celsius/filtered", "MSG/S": "imu", "BANDWIDTH": "lidar/points", "SIZE": "map", "LOST": "lidar/points",
		"LAG": "lidar/points", "P50": "lidar/points", "P99": "lidar/points", "MAX": "lidar/points", "TYPE": "goal", "ENCODING": "goal", "MESSAGES": "imu", "STATE": "arm/left/joint/3/temperature/celsius/filtered",
	}
	for _, c := range topicsOf(d).Columns {
		if c.Fill != nil {
			continue
		}
		d.press(":").typed("sort " + strings.ToLower(c.Head)).press("enter")
		if c.Head == "TOPIC" { // it was the order already
			d.press("r")
		}
		if want := first[c.Head]; want != "" && names(d)[0] != want {
			t.Errorf("by %s the first is %v", c.Head, names(d)[0])
		}
		if d.screen(); topicsOf(d).Sorted() != c.Head {
			t.Errorf("sorted by %s, not %s", topicsOf(d).Sorted(), c.Head)
		}
	}
	d.press(">")
	if topicsOf(d).Sorted() == "STATE" {
		t.Error("> does not sort by another column")
	}
}

func TestTopics_MarksOfFaults(t *testing.T) {
	bad, stopped := subscription(0, 0, "a"), subscription(0, 0, "c")
	bad.received.DecodeErrors = 5
	lost := uint64(0)
	s := &script{make: func(at int64) []memberFixture {
		losing := subscription(lost, 0, "b")
		lost += 3
		m := member(3, "w", stopped)
		m.State = registry.StateStopped
		return []memberFixture{
			member(1, "u", publisher("a", "x", "raw", 10, 8, at, 1<<60), publisher("b", "x", "raw", 10, 8, at, 1<<60), publisher("c", "x", "raw", 10, 8, at, 1<<60)),
			member(2, "v", bad, losing), m,
		}
	}}
	d := drive(t, s, 80, 24, 20)
	d.shows("># a ", " * b ", " s c ", "▲ 30 lost", "▲ 1 stopped")
	d.lacks("all is well")
}

func TestTopics_NothingToShow(t *testing.T) {
	s := &script{make: robot}
	d := drive(t, s, 80, 24, 0)
	d.shows("looking…")
	d.scans(20).press("/").typed("nope")
	d.shows("no topic matches the filter")
	s.make = func(int64) []memberFixture { return nil }
	d.press("esc").scans(30).shows("no topics, no participants", "nothing here")
	s.make = func(int64) []memberFixture { return []memberFixture{member(1, "u")} }
	d.scans(1).shows("no topics yet")
}

func TestHeader_GoneTopicsAreNotCounted(t *testing.T) {
	s := &script{make: robot}
	d := drive(t, s, 80, 24, 20)
	s.make = func(at int64) []memberFixture { return robot(at)[:1] }
	d.scans(1).shows("  4 topics  1 process", "x robot/map")
}

func TestHeader_AllIsWell(t *testing.T) {
	s := &script{make: func(at int64) []memberFixture {
		return []memberFixture{member(1, "u", publisher("x", "x", "raw", 10, 8, at, 1<<60), subscription(0, 5000, "x"))}
	}}
	drive(t, s, 100, 24, 20).shows("● all is well  1 topic  1 process  10.0 msg/s", "p99 4.61 µs", "tmpfs 94% free")
}

func TestTable_ManyTopicsScroll(t *testing.T) {
	d := drive(t, &script{make: func(at int64) []memberFixture {
		var all []fixture
		for i := range 100 {
			all = append(all, publisher(fmt.Sprintf("t/%03d", i), "x", "raw", 10, 8, at, 1<<60))
		}
		return []memberFixture{member(1, "u", all...)}
	}}, 80, 24, 2)
	for i, k := range strings.Fields("end home pgdown pgdown down pgup end up up ctrl+b ctrl+f G g j k") {
		d.press(k)
		if r, _ := topicsOf(d).Picked(); !strings.Contains(d.screen(), ">  "+r.Name) {
			t.Fatalf("after key %d (%s) %s is out of sight:\n%s", i, k, r.Name, d.screen())
		}
	}
	d.press("end").send(tea.WindowSizeMsg{Width: 80, Height: 10}).shows(">  t/099")
	d.send(tea.WindowSizeMsg{Width: 80, Height: 60}).shows("t/044")
	d.lacks("t/043")
}

func TestColumns_AreChosen(t *testing.T) {
	d := drive(t, &script{make: robot}, 200, 24, 90)
	d.lacks("JITTER")
	d.press("c").shows("Topics › Columns", "TOPIC         [x]", "JITTER        [ ]", "P99 less P50")
	for range 14 {
		d.press("down")
	}
	d.press("enter").shows("JITTER        [x]")
	d.press("esc").shows("JITTER")
	d.press(":").typed("hide bandwidth").press("enter").lacks("BANDWIDTH")
	d.press(":").typed("show bandwidth").press("enter").shows("BANDWIDTH")
	d.press(":").typed("hide nonsense").press("enter").shows(`no column "nonsense"`)
}

func TestGroups_ByPrefix(t *testing.T) {
	x := drive(t, &script{make: robot}, 80, 24, 60).press("t", "home")
	x.shows(">▾ robot (7)")
	x.press("enter").shows(">▸ robot (7)")
	x.lacks("robot/imu")
	x.press("t").shows("▾ robot/arm (1)", "▾ robot/lidar (1)")
	x.press(":").typed("group 0").press("enter").lacks("▾")
	x.press(":").typed("group 9").press("enter").shows("not a number from 0 to 4")
}

func TestSave_TableToAFile(t *testing.T) {
	files := map[string]*file{}
	d := drive(t, &script{make: robot}, 80, 24, 60)
	d.opts.Create = create(files)
	d.press("/").typed("imu|map").press("enter", "ctrl+s").shows("saved shmmon-topics-1.csv")
	d.press("ctrl+s").shows("saved shmmon-topics-2.csv")
	got := files["shmmon-topics-1.csv"]
	if got == nil || !got.closed || !strings.HasPrefix(got.String(), "topic,type,encoding,publishers,subscribers,rate,") || strings.Count(got.String(), "\n") != 3 || !strings.Contains(got.String(), "\nrobot/imu,sensor.Imu,msgpack,1,2,") {
		t.Errorf("%v", got)
	}
	d.press(":").typed("save mine.json").press("enter").shows("saved mine.json")
	if js := files["mine.json"]; js == nil || !strings.Contains(js.String(), `"topic": "robot/imu"`) {
		t.Errorf("%v", js)
	}
	d.press(":").typed("save mine.json").press("enter").shows("not saved: ", "file already exists")
	d.press("8", "ctrl+s").shows("no table to save")
}

func TestFilter_WhileItIsTyped(t *testing.T) {
	d := drive(t, &script{make: robot}, 80, 24, 90).press("/").typed("IMU")
	if diff := cmp.Diff([]string{"imu"}, names(d)); diff != "" {
		t.Error(diff)
	}
	d.press("backspace", "backspace").typed("q").shows("no topic matches")
	d.press("ctrl+u").typed("Nav.")
	if len(names(d)) != 2 {
		t.Errorf("by type: %v", names(d))
	}
	d.press("enter").shows("/Nav. 2 of 7")
	d.press("esc").lacks("/Nav.")
	if len(names(d)) != 7 {
		t.Errorf("esc does not clear: %v", names(d))
	}
	d.press("/").typed("x").press("esc", "/").lacks("/x")
	d.typed(strings.Repeat("ä", 400)).send(tea.PasteMsg{Content: "\x1b[31m\u202e"})
	if len(d.prompt.typed) > table.MaxFilter {
		t.Errorf("a filter of %d bytes", len(d.prompt.typed))
	}
}

func TestTopics_OfServicesOnlyWithAll(t *testing.T) {
	s := &script{make: func(at int64) []memberFixture {
		return []memberFixture{member(1, "u", publisher("x", "x", "raw", 10, 8, at, 1<<60), publisher("$service/y/server", "x", "raw", 10, 8, at, 1<<60))}
	}}
	d := drive(t, s, 100, 24, 20)
	d.shows("  1 topic  ")
	d.lacks("$service")
	for _, view := range []string{"2", "3", "4", "6"} {
		d.press(view)
		d.lacks("$service")
	}
	d = driveWith(t, s, &Options{All: true}, 100, 24, 20)
	d.shows("  2 topics  ", "$service/y/server")
}

// Saved tables have numbers and texts as they are, under the names of --json.
func TestSave_Values(t *testing.T) {
	files := make(map[string]*file)
	d := driveWith(t, &script{make: robot}, &Options{Create: create(files)}, 200, 24, 60)
	for view, want := range map[string]map[string]any{
		"1":  {"topic": "robot/lidar/points", "rate": 20., "lost": 21., "lost_shared": 4., "lag": 16., "size": 1048576., "latency_shared": false},
		"2":  {"topic": "robot/odometry", "publisher_unit": "planner", "subscriber_pid": 1002., "state": "refused", "lost": 0., "latency_p99_ns": nil, "jitter_ns": nil, "depth": 16.},
		"2b": {"topic": "robot/imu", "subscriber_unit": "planner", "lost": 0., "latency_p50_ns": 11264., "latency_p99_ns": 36864., "jitter_ns": 25600., "latency_shared": false},
		"2c": {"topic": "robot/imu", "subscriber_unit": "recorder", "lost": nil, "lost_max": 4., "lost_shared": 4., "lag": 0., "latency_shared": true},
		"3":  {"unit": "planner", "pid": 1002., "resident": 16777216., "lost": 21., "topics": 4.},
		"5":  {"topic": "robot/imu", "unit": "driver", "slots": 17., "slot_bytes": 8192., "depth": 16.},
		"6":  {"topic": "robot/map", "kind": "stale", "pid": 0., "time": nil},
	} {
		d.press(view[:1]).scans(1).press(":").typed("save v" + view + ".json").press("enter").shows("saved v" + view)
		var rows []map[string]any
		if err := json.Unmarshal(files["v"+view+".json"].Bytes(), &rows); err != nil {
			t.Fatal(err)
		}
		found := slices.ContainsFunc(rows, func(row map[string]any) bool {
			for name, value := range want {
				if got, there := row[name]; !there || got != value {
					return false
				}
			}
			return true
		})
		if !found {
			t.Errorf("view %s: %v is not in %v", view, want, rows)
		}
	}
}
