package screen

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/shmbus/shmbus/cmd/shmmon/internal/message"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/serde"
)

type participant = registry.Participant

// withMessages drives to the message of robot/imu.
func withMessages(t *testing.T, s *messages, width, height int) *driver {
	t.Helper()
	d := driveWith(t, &script{make: robot}, &Options{Messages: s}, width, height, 20)
	return d.press("down", "down", "enter", "m")
}

func TestMessage_DecodesAsItComes(t *testing.T) {
	s := &messages{of: imu}
	d := withMessages(t, s, 80, 24).polls(1)
	d.shows("#1002 of driver (pid 1001)", "acceleration", "x               2             1", `"base_link"`)
	d.polls(3).shows("#1005")
}

// Messages are read only while the screen shows one.
func TestMessage_FeedFollowsThePage(t *testing.T) {
	s := &messages{of: imu}
	d := driveWith(t, &script{make: robot}, &Options{Messages: s}, 80, 24, 20)
	if s.opened != 0 {
		t.Error("a feed though no message is shown")
	}
	d.press("down", "down", "enter")
	if s.opened != 0 {
		t.Error("a feed for the endpoints")
	}
	d.press("m")
	if s.opened != 1 || s.closed != 0 {
		t.Errorf("%d opened, %d closed", s.opened, s.closed)
	}
	d.press("x", "m")
	if s.opened != 1 {
		t.Error("another feed for the same topic")
	}
	d.press("esc")
	if s.opened != 1 || s.closed != 1 {
		t.Errorf("after esc: %d opened, %d closed", s.opened, s.closed)
	}
	d.press("v", "down", "down") // a message beside the table, of one topic after the other
	if s.opened != 4 || s.closed != 3 {
		t.Errorf("beside the table: %d opened, %d closed", s.opened, s.closed)
	}
	d.live.close()
	if s.closed != 4 {
		t.Errorf("at the end: %d closed", s.closed)
	}
	late := feedMsg{turn: 1, feed: &feed{source: s}}
	if d.send(late); s.closed != 5 {
		t.Error("a feed that came late stays open")
	}
}

func TestMessage_FreezeAndChanges(t *testing.T) {
	d := withMessages(t, &messages{of: imu}, 80, 24).polls(1)
	d.press("f").polls(5).shows("#1002", "FROZEN")
	d.press("f").polls(1).shows("#1008")
	d.press("d").shows("CHANGES", "x ")
	d.lacks("frame")
	d.press("d").shows("frame")
	d.press("p").polls(3).shows("#1008")
}

func TestMessage_PlotOfAField(t *testing.T) {
	d := withMessages(t, &messages{of: imu}, 80, 30).polls(20)
	d.press("enter").shows("only numbers can be plotted")
	d.press("down", "enter").shows("acceleration.x = 21", "│")
	d.press("enter").lacks("acceleration.x = 21")
	d.press(":").typed("plot acceleration.z").press("enter").shows("acceleration.z = 9.81")
	d.press(":").typed("plot frame").press("enter").shows(`no number "frame"`)
	d.polls(700)
	for path, series := range d.live.series {
		if len(series) > plotLength {
			t.Errorf("%s has %d points", path, len(series))
		}
	}
}

// Numbers behind what a long array shows are plotted as others are.
func TestMessage_PlotOfAFieldThatIsLeftOut(t *testing.T) {
	long := func(n int) message.Message {
		m := imu(n)
		m.Payload = fmt.Appendf(nil, `{"points":[%s%d]}`, strings.Repeat("0,", 500), n)
		return m
	}
	d := withMessages(t, &messages{of: long}, 80, 30).polls(5)
	d.press(":").typed("plot points[501]").press("enter").shows(`no number "points[501]"`)
	d.press(":").typed("plot points[500]").press("enter").polls(15).shows("points[500] = 21", "│")
	if n := len(d.live.series[message.KeyOf("points[500]")]); n != 15 {
		t.Errorf("%d points", n)
	}
	d.press("end").shows("points[500]  ")
}

func TestCopy_ValueAndPath(t *testing.T) {
	d := withMessages(t, &messages{of: imu}, 80, 24).polls(1)
	copied := func(want string) {
		t.Helper()
		if got := fmt.Sprint(d.asked[len(d.asked)-1]); got != want {
			t.Errorf("copied %q, want %q", got, want)
		}
	}
	d.press("down", "down", "down", "y").shows("copied 9.81")
	copied("9.81")
	d.press("Y").shows("copied acceleration.z")
	copied("acceleration.z")
	d.press("e", "y")
	copied("robot/imu")
	d.press("esc", "y")
	copied("robot/imu")
	n := len(d.asked)
	if d.press("Y").shows("nothing to copy"); len(d.asked) != n {
		t.Error("nothing was copied")
	}
}

func TestMessage_FilterOfFields(t *testing.T) {
	d := withMessages(t, &messages{of: imu}, 80, 24).polls(1).press("/").typed("accel.*z").press("enter")
	d.shows("9.81", "/accel.*z 1 of 10")
	d.lacks("base_link")
}

// Bytes that are not of the announced type show as such.
func TestMessage_BytesOfAnotherType(t *testing.T) {
	s := &messages{of: func(n int) message.Message {
		m := imu(n)
		m.Payload = []byte("\x00\x1b[2J no json")
		return m
	}}
	d := withMessages(t, s, 80, 24).polls(1)
	d.shows("the bytes are not of the announced type", "00000000  00 1b 5b 32 4a")
	s.of = func(n int) message.Message {
		m := imu(n)
		m.Type = serde.Type{Encoding: "raw"}
		return m
	}
	d.polls(1).shows("not decoded: ", "00000000  7b 22")
	d.press("esc", "v").polls(1).shows("not decoded: ")
}

// A topic of which a message was shown whose bytes are not of the announced type stays marked, in the table, the header and the log.
func TestMessage_TopicOfAnotherTypeIsMarked(t *testing.T) {
	there := true
	s := &script{make: func(at int64) []memberFixture {
		if !there {
			return []memberFixture{member(1, "driver")}
		}
		return []memberFixture{member(1, "driver", publisher("robot/liar", "sensor.Imu", "msgpack", 10, 4, at, 1<<60))}
	}}
	lie := true
	d := driveWith(t, s, &Options{Messages: &messages{of: func(n int) message.Message {
		m := message.Message{Type: serde.Type{Name: "sensor.Imu", Encoding: "msgpack"}, Sequence: uint64(n), Payload: []byte{0xc1, 0xff}}
		if !lie {
			m.Payload = []byte{1}
		}
		return m
	}}}, 120, 24, 5)
	d.shows("● all is well").press("v").polls(1).shows("▲ 1 not of the announced type", "># robot/liar")
	lie = false
	d.polls(1).scans(3).press("v").shows("▲ 1 not of the announced type", "># robot/liar").lacks("all is well")
	d.press("6").shows("undecodable", "the bytes are not of the announced type")
	there = false
	if d.scans(3).press("1"); len(d.liars) != 0 {
		t.Errorf("%v", d.liars)
	}
}

func TestMessage_CannotBeRead(t *testing.T) {
	s := &messages{err: errors.New("no \x1b permission")}
	d := withMessages(t, s, 80, 24)
	d.shows(`the messages cannot be read: no \x1b permission`)
	d = driveWith(t, &script{make: robot}, &Options{}, 80, 24, 20).press("7", "m")
	d.shows("messages cannot be read here")
}

func TestDetail_OfATopicThatGoes(t *testing.T) {
	s := &script{make: robot}
	d := drive(t, s, 80, 24, 20).press("down", "enter")
	s.make = func(int64) []memberFixture { return nil }
	d.scans(1).shows("[gone]")
	d.scans(30).shows("is gone")
	d.press("esc").shows("no participants in this domain")
	drive(t, s, 80, 24, 2).press("7").shows("no topic is chosen")
}

func TestDetail_StaleAndFiltered(t *testing.T) {
	for _, c := range []struct{ stale, filtered uint64 }{{0, 0}, {23, 0}, {0, 45}} {
		s := subscription(0, 0, "x")
		s.received.Stale, s.received.Filtered = c.stale, c.filtered
		d := drive(t, &script{make: func(at int64) []memberFixture {
			return []memberFixture{member(1, "u", publisher("x", "x", "raw", 10, 8, at, 1<<60), s)}
		}}, 80, 40, 2).press("enter")
		if got := strings.Contains(d.screen(), fmt.Sprintf("%d stale   %d filtered", c.stale, c.filtered)); got != (c.stale+c.filtered > 0) {
			t.Errorf("%+v:\n%s", c, d.screen())
		}
	}
}

// A detail that is wider than the screen scrolls sideways.
func TestDetail_ScrollsSideways(t *testing.T) {
	d := drive(t, &script{make: robot}, 40, 24, 20).press("down", "down", "down", "enter")
	d.lacks("/opt/robot/bin/driver")
	d.press("right", "right", "right").shows("bin/driver")
	d.press("left", "left", "left", "end").shows("recorder")
}

// The smallest usual screen has no room for the figures of the topic above the parts. They are above the endpoints there, and all of them can
// be reached.
func TestDetail_EveryFigureOnASmallScreen(t *testing.T) {
	d := drive(t, &script{make: robot}, 40, 12, 20).press("down", "down", "enter")
	d.shows("1000 msg/s  96.0 kB/s", "lost ~4", "Publishers: 1")
	d.lacks("largest 106 B", "max 36.9 µs")
	d.press("right", "right", "right", "right").shows("largest 106 B", "max 36.9 µs")
	d.press("left", "left", "left", "left", "end").shows("holds 2   lag 3", "any type")
}

func TestDetail_ReasonOfARefusal(t *testing.T) {
	d := drive(t, &script{make: robot}, 120, 40, 20).press(":").typed("detail robot/odometry").press("enter")
	d.shows("REFUSED from planner: ", "nav.Odometry2", "file 98.3 kB")
}

func TestHostile_NamesAndPayloads(t *testing.T) {
	hostile(t, 100, "v", "2", "3", "4", "5", "6", "7", "m", "down", "down", "down", "enter", "y", "Y", "x", "e", "right", "8", "1", "t", "w", "right", "c", "esc",
		"/", "x", "esc", ":", "s", "esc", "enter", "esc", "r", "p")
	hostile(t, 64<<10, "2", "3", "enter")
}

// hostile presses keys in a domain whose names have that many escape characters, and checks every screen.
func hostile(t *testing.T, long int, keys ...string) {
	t.Helper()
	evil := "\x1b[2J\x1b]0;x\a\u202e\u009b\xff\n\r" + strings.Repeat("漢", 60) + strings.Repeat("\x1b", long)
	s := &script{make: func(at int64) []memberFixture {
		p := publisher(evil, evil, evil, 1e9, 1<<63, at, 1<<60)
		p.published.Subscribers, p.published.Memory, p.published.Failed, p.published.LastStamp = 1<<64-1, 1<<64-1, uint64(at), 1<<63-1
		p.SchemaEncoding, p.Schema, p.Since = evil, []byte(evil), -1<<63
		p.Depth = 1<<32 - 1
		sub := subscription(1<<63, 5, evil, "**")
		sub.received.Lost, sub.received.DecodeErrors, sub.received.Lag, sub.received.Held = uint64(at), uint64(at), 1<<64-1, 1<<64-1
		sub.TypeName, sub.AnyType = evil, false
		fit := subscription(1<<63, 5, evil)
		m := member(1, evil, p, sub, fit)
		m.Executable, m.Since, m.PID = evil, -1<<63, -1<<31
		if at%(4*second) == 0 {
			m.State = registry.StateStopped
		}
		return []memberFixture{m, member(registry.ID(at/second)+10, evil)}
	}}
	feed := &messages{of: func(n int) message.Message {
		return message.Message{Type: serde.Type{Name: evil, Encoding: "json"}, Unit: evil, Publisher: evil, Sequence: 1<<64 - 1, PID: -1,
			Payload: []byte(`{"\u001b[2J\u009b":"\u001b]0;x\u0007\u202e","a":[1,1e308,-1e308,` + fmt.Sprint(n) + `]}`)}
	}}
	d := driveWith(t, s, &Options{Messages: feed}, 80, 24, 4)
	for _, k := range keys {
		d.press(k)
		d.scans(1).polls(2).fits()
	}
	if d.opts.ASCII = true; strings.ContainsFunc(d.content(), func(r rune) bool { return r >= 0x80 }) {
		t.Errorf("not ASCII:\n%q", d.content())
	}
}
