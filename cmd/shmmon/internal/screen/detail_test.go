package screen

import (
	"fmt"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/message"
)

// saying makes messages of a JSON text, in which % is the number of the message.
func saying(payload string) func(int) message.Message {
	return func(n int) message.Message {
		m := imu(n)
		m.Payload = []byte(strings.ReplaceAll(payload, "%", fmt.Sprint(n)))
		return m
	}
}

// The cursor reaches each field, and the figures of a field are its own, also where another one has the same path.
func TestMessage_FieldsOfTheSamePath(t *testing.T) {
	numbers := "[" + strings.Repeat("0,", 39) + "0]"
	d := withMessages(t, &messages{of: saying(`{"a":{"b":1},"a.b":%,"s":` + numbers + `,"t":` + numbers + `,"z":1}`)}, 100, 24).polls(20)
	_, count := d.page().(*detail).fields.Count()
	for i := range count {
		if f, _ := d.page().(*detail).fields.Picked(); f.number != i {
			t.Fatalf("the cursor is at field %d, not %d", f.number, i)
		}
		d.press("down").polls(1)
	}
	d.press("home", "down").shows(">    b               1  ")
	d.press("enter").polls(1).shows("a.b = 1")
	d.press("home", "down", "down", "enter").polls(1).shows(`["a.b"] = 9`)
}

// A message that is a number has a plot.
func TestMessage_PlotOfAMessage(t *testing.T) {
	d := withMessages(t, &messages{of: saying("%")}, 80, 30).polls(20)
	d.press("enter").polls(1).shows("robot/imu = 22", "│")
	d.press("enter").lacks("robot/imu = ")
	d.press(":").typed("plot").press("enter").polls(1).shows("robot/imu = 23")
	d.press("enter", ":").typed("plot x..y").press("enter").shows("the message has no number").lacks("robot/imu = ")
	withMessages(t, &messages{of: imu}, 80, 30).polls(2).press(":").typed("plot").press("enter").shows("the message has no number")
}

// Side by side the keys scroll the part that is chosen, and the other one stays.
func TestDetail_ScrollsTheChosenPart(t *testing.T) {
	long := func(n int) message.Message {
		m := imu(n)
		m.Type.Encoding, m.Payload = "raw", make([]byte, 3008)
		return m
	}
	d := withMessages(t, &messages{of: long}, 160, 24).press("x").polls(1).shows("Publishers: 1", "00000000  00")
	d.press("end").shows("00000bb0  00", "Publishers: 1").lacks("00000000  00")
	d.press("m").shows("00000000  00") // it is in hex, too, as it is not decoded
	d.press("pgdown").shows("Publishers: 1").lacks("00000000  00")
	d.press("e", "end").shows("asks for robot/**").lacks("00000000  00", "Publishers: 1")
	d.press("x").shows("00000bb0  00", "asks for robot/**")
}

// A click in the table of fields moves its cursor, plots at the second time, and sorts at a head; beside the table it does nothing.
func TestDetail_Mouse(t *testing.T) {
	for _, width := range []int{100, 200} {
		d := withMessages(t, &messages{of: imu}, width, 30).polls(3)
		left := 0
		if width >= wideDetail {
			left = width/2 + 2
		}
		fields := d.page().(*detail).fields
		at := func(x, y int) *driver { return d.send(tea.MouseClickMsg{X: x, Y: y, Button: tea.MouseLeft}) }
		const head = above + 6
		if at(left+5, head+2); fields.Cursor() != 1 {
			t.Errorf("at %d columns a click goes to field %d", width, fields.Cursor())
		}
		at(left+5, head+2).shows("acceleration.x = 4")
		at(left+5, head+2+1+plotHeight(30)).lacks("acceleration.x = ")
		if at(left+text.Width("   FIELD↑            V"), head); fields.Sorted() != "VALUE" {
			t.Errorf("at %d columns it is sorted by %s", width, fields.Sorted())
		}
		before := d.screen()
		for y := range 30 {
			if y != above-1 && y != head-2 && left > 0 { // where pages and parts are chosen
				at(10, y)
			}
		}
		if d.screen() != before {
			t.Errorf("a click beside the table changes it:\n%s", d.screen())
		}
	}
}

// The view of the detail has the plot and the filter of one topic, and its part for all.
func TestDetail_OfAnotherTopic(t *testing.T) {
	d := withMessages(t, &messages{of: imu}, 100, 30).press("esc", "7").polls(1).press("down", "enter", "/").typed("accel").press("enter").polls(1)
	d.shows("acceleration.x = ", "/accel 4 of 10")
	d.press("1", "7").polls(1).shows("robot/imu  [live]", "acceleration.x = ", "/accel 4 of 10")
	d.press("1", "down", "7").polls(1).shows("robot/lidar/points  [live]", ">  acceleration", "base_link", "samples").lacks("acceleration.x = ", "/accel")
}

// The filter is that of the fields, and there is none where they are not shown.
func TestDetail_FilterOfTheMessage(t *testing.T) {
	d := withMessages(t, &messages{of: imu}, 100, 30).polls(1).press("/").typed("accel").press("enter")
	for _, part := range []string{"e", "x", "i"} {
		d.press(part, "/").lacks("/accel", "/ filter")
		if d.press(":").typed("filter x").press("enter").shows("this view has no filter"); d.prompt != nil {
			t.Errorf("%s has a filter", part)
		}
	}
	d.press("m").shows("/accel 4 of 10").press("esc").lacks("/accel")
	d.press("/").typed("accel").press("enter", "e", "esc").shows("1 Topics")
}

// A page that another one opens is as it was when it was opened before, for another row too.
func TestOpened_KeepsWhatWasChosen(t *testing.T) {
	d := driveServices(t, &readings{}, 140, 24).press("down", "down", "enter", "m").polls(1).shows("acceleration")
	d.press("esc", "down", "enter").polls(1).shows("robot/lidar/points  [live]", "acceleration")
	d.press("esc", "7").polls(1).shows("acceleration")

	d.press("3", "enter", ":").typed("sort to").press("enter", "end", ":").typed("hide state").press("enter", "/").typed("o").press("enter")
	d.shows("driver (pid 1001)", "TO↑").lacks("STATE")
	d.press("esc", "esc", "down", "enter").shows("operator (pid 1004)", "TO↑", ">  service robot/plan").lacks("STATE", "/o ")
	if p := d.page().(*tablePage[connection]); p.Cursor() != 0 || len(p.Filter().Text) != 0 {
		t.Errorf("the cursor is at %d, the filter is %q", p.Cursor(), p.Filter().Text)
	}
	d.press("2").shows("TOPIC↑", "STATE") // of its own

	d.press("9", "enter", "w", "esc", "enter").shows("robot/arm/move", "09a71500000000000000000000000009")
}

// The last message of a publisher that is gone stays, with what is drawn of it, and a frozen one also when there is a publisher again.
func TestMessage_OutlivesItsPublisher(t *testing.T) {
	for _, frozen := range []bool{false, true} {
		for _, width := range []int{100, 160} {
			s, there := &messages{of: imu}, true
			at := &script{make: func(at int64) []memberFixture {
				if !there {
					return []memberFixture{member(2, "planner")}
				}
				return robot(at)
			}}
			d := driveWith(t, at, &Options{Messages: s}, width, 30, 20).press("down", "down", "enter", "m").polls(3).press("down", "enter").polls(1)
			if frozen {
				d.press("f")
			}
			there, s.none = false, true
			d.scans(2).polls(2).shows("its publisher is gone: #1005 of driver (pid 1001)", "acceleration.x = 5", "[gone]", `"base_link"`)
			d.send(tea.WindowSizeMsg{Width: width + 20, Height: 30}).press("x").shows("00000000  7b 22").press("m")
			d.scans(30).polls(2).shows("robot/imu is gone", "its publisher is gone: #1005", `"base_link"`)

			opened := s.opened
			there, s.none = true, false
			if scanned(d, 2); s.opened != opened+1 || s.closed != opened {
				t.Errorf("%d opened, %d closed, and %d before", s.opened, s.closed, opened)
			}
			shown := "#1004 of driver"
			if frozen {
				shown = "#1005 of driver"
			}
			d.polls(3).shows(shown).lacks("is gone")
			if n := len(d.live.series[message.KeyOf("acceleration.x")]); n != 5+4 {
				t.Errorf("%d points", n)
			}
			there = false
			d.scans(1).press("esc", "down", "enter").shows("no publisher, so no message").lacks("#1005")
		}
	}
}

// The message beside a table says that it is frozen.
func TestSplit_Frozen(t *testing.T) {
	for _, width := range []int{40, 80, 160} {
		d := driveWith(t, &script{make: robot}, &Options{Messages: &messages{of: imu}}, width, 24, 20).press("v").polls(3)
		d.lacks("FROZEN").press("f").polls(2).shows("FROZEN", "#1004").press("d").shows("FROZEN  CHANGES")
		d.press("f", "d").polls(1).shows("#1007").lacks("FROZEN", "CHANGES")
	}
}
