package screen

import (
	"strings"
	"testing"

	"github.com/shmbus/shmbus/cmd/shmmon/internal/message"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/recorders"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/rules"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/services"
	"github.com/shmbus/shmbus/record"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/serde"
)

func TestPause_HoldsTheFiguresAndNotTheRates(t *testing.T) {
	d := drive(t, &script{make: robot}, 80, 24, 20).press("p")
	before := d.screen()
	d.shows("PAUSED")
	if d.scans(30); d.screen() != before {
		t.Error("a paused screen moves")
	}
	d.press(" ").scans(1).lacks("PAUSED")
	if imu, _ := d.view.Find("robot/imu"); imu.Rate < 950 || imu.Rate > 1050 {
		t.Errorf("after the pause: %v Hz", imu.Rate)
	}
}

// While the screen is paused nothing on it moves, whatever happens in the domain, nor in a view that is opened again.
func TestPause_HoldsAllThatIsShown(t *testing.T) {
	r := &rules.Rules{Domain: rules.Domain{Stopped: true, Dead: true}, Topics: []rules.Topic{{Name: "robot/odometry", MinRate: 40}, {Name: "robot/map", Stale: true}}}
	if err := r.Check(); err != nil {
		t.Fatal(err)
	}
	for _, ruled := range []*rules.Rules{nil, r} {
		for _, keys := range []string{"1", "1v", "2", "3", "4", "5", "6", "7e", "7m", "7x", "9", "0", "-"} {
			changed := false
			source := &readings{}
			source.at = &script{make: func(at int64) []memberFixture {
				all := append(serving(at), member(9, "shmrec"))
				all[5].PID = 4711
				if changed {
					all[0].State, all[1].Alive, all[5].Alive = registry.StateStopped, false, false
					return append(all, member(10, "newcomer", publisher("robot/new", "x", "json", 10, 8, at, 1<<60)))
				}
				return all
			}}
			recorded := &recording{all: []recorders.Recorder{recorder(record.KeepingUp)}}
			said := &messages{of: imu}
			d := scanned(driveWith(t, source.at, &Options{Rules: ruled, Recorders: recorded, Messages: said, Services: source}, 160, 40, 0), 30)
			d.press("1", "down", "down", "down").press(strings.Split(keys, "")...).polls(3)
			if keys == "7m" {
				d.press("down", "enter").polls(1).shows("acceleration.x = ")
			}
			if scanned(d, 1).press("p"); !strings.Contains(d.screen(), "PAUSED") {
				t.Fatal(keys)
			}
			before := d.screen()
			changed, recorded.all = true, nil
			said.of = func(n int) message.Message {
				return message.Message{Type: serde.Type{Name: "sensor.Imu", Encoding: "msgpack"}, Sequence: uint64(n), Payload: []byte{0xc1}}
			}
			if scanned(d, 30).polls(5); d.screen() != before {
				t.Errorf("%s, with rules %v: a paused screen moves from\n%s\nto\n%s", keys, ruled != nil, before, d.screen())
			}
			if d.press("8", keys[:1]); d.screen() != before && keys != "1v" && keys[:1] != "7" { // which have a message, and read it anew
				t.Errorf("%s, with rules %v: opened again it is not\n%s\nbut\n%s", keys, ruled != nil, before, d.screen())
			}
			scanned(d.press("p"), 3)
			d.press("1").shows("stopped", "▲ recorder died")
			d.press("6", "home").shows("died", "newcomer")
		}
	}
}

// A view that is opened while the screen is paused has what it shows, with the figures of topics and processes as they were.
func TestPause_OfOtherViews(t *testing.T) {
	for view, shown := range map[string][]string{
		"2": {"robot/imu", "service robot/plan"}, "3": {"driver", "8.39 MB"}, "4": {"driver (pid 1001)"}, "5": {"robot/imu", "8.19 kB", "274 kB"}, "6": {"mismatch"},
		"7": {"Publishers: 1", "up 59.0 s", "file 274 kB"}, "7m": {"#1001 of driver", "acceleration"}, "7i": {"no picture"}, "9": {"robot/plan", "79500"}, "0": {"robot/arm/move", "running"}, "-": {"arm/joints", "[1,2,3]"},
	} {
		source := &readings{}
		d := driveServices(t, source, 160, 40).press("p").scans(3)
		source.at.make = func(at int64) []memberFixture { return serving(61 * second) }
		d.press(strings.Split(view, "")...).polls(3).shows(shown...).shows("PAUSED").lacks("looking…")
		before, read := d.screen(), len(source.wanted)
		source.change = func(r *services.Reading) { *r = services.Reading{} }
		if d.scans(5).polls(3); d.screen() != before {
			t.Errorf("view %s moves from\n%s\nto\n%s", view, before, d.screen())
		}
		if n := len(source.wanted) - read; n != 5 {
			t.Errorf("view %s was read %d times in 5 scans", view, n)
		}
		d.press("1", view[:1]).lacks("looking…")
	}
	d := driveServices(t, &readings{}, 160, 40).press("1", "down", "down", "v").polls(1)
	d.press("p", "down").polls(3).shows("PAUSED", "robot/lidar/points", "#1001 of driver").lacks("looking…")
}

// Of a message that stands still there is a picture, too, while others come.
func TestPause_PictureOfTheMessage(t *testing.T) {
	for _, key := range []string{"f", "p"} {
		d := driveCamera(t, camera, 80, 24).press("m").polls(2).press(key, "i").polls(3).shows("160 x 120 pixels", "#5 of driver")
		d.lacks("looking…")
	}
}
