package screen

import (
	"strings"
	"testing"
)

// Topics stay below their processes however they are sorted, and the last one of a process ends its branch.
func TestGraph_SortedByRate(t *testing.T) {
	d := drive(t, &script{make: robot}, 120, 30, 20).press("4", ">")
	page := func() string {
		return strings.Join(strings.Fields(strings.Join(strings.Split(d.screen(), "\n")[above+1:], " ")), " ")
	}
	if got := page(); !strings.HasPrefix(got, "> driver (pid 1001) ├ > robot/imu → planner, recorder 1000 ├ > robot/lidar/points") ||
		!strings.Contains(got, "└ > robot/status → recorder 0 planner (pid 1002) ├ < robot/imu ← driver 1000 ") {
		t.Errorf("by rate: %s", got)
	}
	d.press("r")
	if got := page(); strings.Index(got, "robot/status") > strings.Index(got, "└ > robot/imu") || strings.Count(got, "└") != 3 || strings.Count(got, "(pid") != 3 {
		t.Errorf("turned: %s", got)
	}
}

// A topic that a filter chooses stays below its process.
func TestGraph_Filtered(t *testing.T) {
	d := drive(t, &script{make: robot}, 120, 30, 20).press("4", "/", "o", "b", "o", "t", "/", "i", "m", "u", "enter")
	page := strings.Join(strings.Fields(strings.Join(strings.Split(d.screen(), "\n")[above+1:], " ")), " ")
	for _, part := range []string{"driver (pid 1001) ├ > robot/imu", "planner (pid 1002) ├ < robot/imu ← driver", "recorder (pid 1003) ├ < robot/imu"} {
		if !strings.Contains(page, part) {
			t.Errorf("%q is not in %s", part, page)
		}
	}
	if strings.Contains(page, "robot/map") || strings.Count(page, "(pid") != 3 {
		t.Error(page)
	}
	d.press("esc", "/", "1", "0", "0", "2", "enter").shows("planner (pid 1002)").lacks("driver (pid", "robot/imu")
}

// A process that serves or calls has a line for each service.
func TestGraph_Services(t *testing.T) {
	d := drive(t, &script{make: func(at int64) []memberFixture {
		const never = 1 << 60
		requests := "$service/robot/plan/request/000000000000000a"
		taken := subscription(0, 0, requests)
		taken.AnyType = false
		return []memberFixture{
			member(1, "arm", publisher("$service/robot/plan/server", "a", "cbor", 1, 8, at, never), publisher("$service/idle/server", "a", "cbor", 1, 8, at, never), taken),
			member(2, "operator", publisher(requests, "nav.Pose", "cbor", 12, 100, at, never)),
			member(3, "lost", publisher("$service/gone/request/000000000000000b", "nav.Pose", "cbor", 12, 100, at, never)),
		}
	}}, 100, 24, 5).press("4")
	d.shows("arm (pid 1001)", "├ < service idle  ← no client", "└ < service robot/plan  ← operator", "└ > service robot/plan  → arm", "└ > service gone  → no server")
}

// Processes are in the order of their units, and of their pids where these are the same; whichever joined first.
func TestGraph_SortedByProcess(t *testing.T) {
	d := drive(t, &script{make: func(int64) []memberFixture {
		return []memberFixture{member(1, "planner"), member(3, "driver"), member(2, "driver")}
	}}, 80, 24, 2).press("4")
	order := func() string {
		return strings.Join(strings.Fields(strings.Join(strings.Split(d.screen(), "\n")[above+1:above+4], " ")), " ")
	}
	if got := order(); got != "> driver (pid 1002) driver (pid 1003) planner (pid 1001)" {
		t.Error(got)
	}
	d.press("home", "r", "home")
	if got := order(); got != "> planner (pid 1001) driver (pid 1003) driver (pid 1002)" {
		t.Errorf("turned: %s", got)
	}
}
