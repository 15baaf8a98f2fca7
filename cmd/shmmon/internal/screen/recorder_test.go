package screen

import (
	"context"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"github.com/shmbus/shmbus/cmd/shmmon/internal/recorders"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/theme"
	"github.com/shmbus/shmbus/record"
)

// A recording is a recorders.Source with recorders that a test chooses.
type recording struct {
	all   []recorders.Recorder
	asked int
}

func (r *recording) Ask(context.Context) []recorders.Recorder {
	r.asked++
	return r.all
}

func recorder(verdict record.Verdict) recorders.Recorder {
	return recorders.Recorder{PID: 4711, File: "/data/robot-2026-05-04.mcap", State: record.Recording, Verdict: verdict, Size: 1_250_000_000, Free: 31_000_000_000}
}

// scanned scans n times with all that follows.
func scanned(d *driver, n int) *driver {
	for range n {
		d.send(d.scan()())
	}
	return d
}

func driveRecorder(t *testing.T, r *recording, width, height int) *driver {
	t.Helper()
	return scanned(driveWith(t, &script{make: robot}, &Options{Recorders: r, Messages: &messages{of: imu}}, width, height, 0), 30)
}

func TestScreens_RecorderAtThreeSizes(t *testing.T) {
	for _, s := range sizes {
		golden(t, "recorder-"+s.name, driveRecorder(t, &recording{all: []recorders.Recorder{recorder(record.KeepingUp)}}, s.width, s.height).content())
	}
}

func TestRecorder_Verdicts(t *testing.T) {
	lossy := recorder(record.Losing)
	lossy.Lost = 12
	paused := recorder(record.KeepingUp)
	paused.State = record.RecordPaused
	for want, r := range map[string]recorders.Recorder{
		"● recorder keeping up  robot-2026-05-04.mcap (pid 4711)  1.25 GB  31.0 GB left":      recorder(record.KeepingUp),
		"▲ recorder falling behind  robot-2026-05-04.mcap (pid 4711)":                         recorder(record.FallingBehind),
		"▲ recorder losing  12 lost  robot-2026-05-04.mcap (pid 4711)  1.25 GB  31.0 GB left": lossy,
		"● recorder paused":                    paused,
		"▲ recorder does not answer  a?b.mcap": {File: "/x/a\x1bb.mcap", Silent: true},
	} {
		d := driveRecorder(t, &recording{all: []recorders.Recorder{r, recorder(record.KeepingUp)}}, 140, 24)
		d.shows(strings.Replace(want, "a?b", `a\x1bb`, 1), "1 recorder more")
		if short := driveRecorder(t, &recording{all: []recorders.Recorder{r}}, 80, 12).screen(); !strings.Contains(short, strings.SplitN(want, "  ", 2)[0]) {
			t.Errorf("%q is not on a small screen:\n%s", want, short)
		}
	}
}

// Losses are behind the verdict, also of one that keeps up, and the name of the file is what has no room.
func TestRecorder_Losses(t *testing.T) {
	lossy := recorder(record.KeepingUp)
	lossy.Lost = 5249
	d := driveRecorder(t, &recording{all: []recorders.Recorder{lossy}}, 80, 24)
	d.shows("● recorder keeping up  5249 lost  rob…-04.mcap (pid 4711)  1.25 GB  31.0 GB left")
	if line := d.recorderLines()[0]; !strings.Contains(line, d.styles.Paint(theme.Warning, "  5249 lost")) {
		t.Errorf("not a warning: %q", line)
	}
	lossy.Verdict = record.Losing
	d = driveRecorder(t, &recording{all: []recorders.Recorder{lossy}}, 80, 24)
	if line := d.recorderLines()[0]; !strings.Contains(line, d.styles.Paint(theme.Problem, "  5249 lost")) {
		t.Errorf("not a problem: %q", line)
	}
}

// All is not well while a recorder is in trouble.
func TestRecorder_IsPartOfTheHealth(t *testing.T) {
	well := func(int64) []memberFixture { return []memberFixture{member(1, "driver")} }
	for verdict, want := range map[record.Verdict]bool{record.KeepingUp: true, record.FallingBehind: false, record.Losing: false} {
		d := driveWith(t, &script{make: well}, &Options{Recorders: &recording{all: []recorders.Recorder{recorder(verdict)}}}, 100, 24, 0)
		if got := strings.Contains(scanned(d, 2).screen(), "all is well"); got != want {
			t.Errorf("%s: all is well %v", verdict, got)
		}
	}
}

// A recorder that does not answer stops neither the scans nor the keys, and is not asked a second time meanwhile.
func TestRecorder_HoldsNothingUp(t *testing.T) {
	r := &recording{all: []recorders.Recorder{recorder(record.KeepingUp)}}
	d := driveWith(t, &script{make: robot}, &Options{Recorders: r}, 80, 24, 0)
	_, cmd := d.Update(d.scan()())
	for range 5 {
		at := d.Model.view.At
		if _, more := d.Update(d.scan()()); more != nil {
			t.Error("it asks again")
		}
		if d.Model.view.At == at {
			t.Error("the screen stands still")
		}
	}
	d.press("3").shows("UNIT")
	d.run(cmd) // now it answers
	if d.shows("recorder keeping up"); r.asked != 1 {
		t.Errorf("asked %d times", r.asked)
	}
	if d.send(d.scan()()); r.asked != 2 {
		t.Errorf("asked %d times", r.asked)
	}
	r.all = nil
	d.send(d.scan()())
	d.lacks("recorder keeping up")
	if scanned(d, 6); r.asked != 5 {
		t.Errorf("asked %d times, of them %d in six seconds without a recorder", r.asked, r.asked-3)
	}
}

// A recorder whose process dies is on the screen until another one runs; one that ends is not.
func TestRecorder_Died(t *testing.T) {
	gone, died := false, false
	r := &recording{all: []recorders.Recorder{recorder(record.KeepingUp)}}
	s := &script{make: func(int64) []memberFixture {
		shmrec := member(9, "shmrec")
		shmrec.PID, shmrec.Alive = 4711, !died
		if gone {
			return []memberFixture{member(1, "driver")}
		}
		return []memberFixture{member(1, "driver"), shmrec}
	}}
	d := scanned(driveWith(t, s, &Options{Recorders: r}, 100, 24, 0), 3)
	d.shows("recorder keeping up", "all is well")
	r.all, died = nil, true
	if scanned(d, 1); len(d.recorder.died) != 1 {
		t.Errorf("%+v", d.recorder)
	}
	gone = true
	scanned(d, 70).shows("▲ recorder died  robot-2026-05-04.mcap.unfinished (pid 4711)").lacks("all is well")
	d.press("6").shows("the recorder died, and leaves robot-2026-05-04.mcap.unfinished")
	if small := d.send(tea.WindowSizeMsg{Width: 80, Height: 12}).screen(); !strings.HasPrefix(small, "▲ recorder died") {
		t.Errorf("on a small screen:\n%s", small)
	}
	again := recorder(record.KeepingUp)
	again.PID = 4712
	r.all, gone, died = []recorders.Recorder{again}, false, false
	d.send(tea.WindowSizeMsg{Width: 100, Height: 24})
	scanned(d, 4).shows("recorder keeping up").lacks("recorder died")
	r.all, gone = nil, true
	scanned(d, 4).lacks("recorder died")
}

// Clicks meet the lines below that of the recorder.
func TestRecorder_MovesThePage(t *testing.T) {
	d := driveRecorder(t, &recording{all: []recorders.Recorder{recorder(record.KeepingUp)}}, 120, 24)
	d.send(tea.MouseClickMsg{X: 10, Y: above + 1 + 3, Button: tea.MouseLeft})
	if r, _ := topicsOf(d).Picked(); r.Name != "robot/imu" {
		t.Errorf("a click picks %s", r.Name)
	}
	d.send(tea.MouseClickMsg{X: 12, Y: 2, Button: tea.MouseLeft})
	if d.page() != d.roots[1] {
		t.Errorf("a click on the views shows %s", d.page().title())
	}
}
