package screen

import (
	"errors"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
)

func TestModel_FailedScan(t *testing.T) {
	s := &script{make: robot}
	d := drive(t, s, 80, 24, 2)
	s.err = errors.New("scan the domain: no \x1b[2J permission")
	d.scans(1).shows(`no \x1b[2J permission`)
	d.press("3").shows("permission") // which is inspected at the next tick, and not at once again and again
	s.err = nil
	d.scans(1).lacks("permission")
}

// Another interval begins with a scan: the tick of the one before leads to none, and rates are of the new window.
func TestModel_OtherInterval(t *testing.T) {
	var ticks []tea.Msg
	var after []interval
	s := &script{make: func(at int64) []memberFixture {
		return []memberFixture{member(1, "u", publisher("x", "T", "raw", 10, 8, at, 20*second))}
	}}
	d := drive(t, s, 80, 24, 0)
	d.opts.After = func(d interval, msg tea.Msg) tea.Cmd {
		ticks, after = append(ticks, msg), append(after, d)
		return nil
	}
	scanned(d, 18).press(":").typed("interval 10s").press("enter")
	if n := len(after); n != 19 || after[n-1] != 10*time.Second || s.at != 19*second {
		t.Fatalf("%d ticks, the last after %v, at %d", n, after[n-1], s.at)
	}
	if _, scan := d.Update(ticks[17]); scan != nil {
		t.Error("the old tick leads to a scan")
	}
	if scanned(d, 4).view.Topics[0].Rate < 5 { // 3 s after the last message
		t.Errorf("%v msg/s in a window of 30 s", d.view.Topics[0].Rate)
	}
	d.press(":").typed("interval 1s").press("enter")
	if after[len(after)-1] != time.Second || d.view.Topics[0].Rate > 1 {
		t.Errorf("%v msg/s in a window of 3 s", d.view.Topics[0].Rate)
	}
	scan := d.scan() // under way
	n := len(after)
	if d.press(":").typed("interval 5s").press("enter"); len(after) != n {
		t.Error("a scan beside another one")
	}
	if d.send(scan()); len(after) != n+1 || after[n] != 5*time.Second {
		t.Errorf("%v", after[n:])
	}
}

// Only one snapshot is under way at a time, and each leads to one tick.
func TestModel_OneScanPerTick(t *testing.T) {
	var asked []tea.Msg
	m := New(&script{make: robot}, &Options{After: func(_ interval, msg tea.Msg) tea.Cmd {
		asked = append(asked, msg)
		return nil
	}})
	m.Update(tea.WindowSizeMsg{Width: 80, Height: 24})
	first := m.Init()
	if _, cmd := m.Update(tickMsg{}); cmd != nil {
		t.Error("a scan beside another one")
	}
	if m.Update(first()); len(asked) != 1 {
		t.Fatalf("%v", asked)
	}
	_, scan := m.Update(asked[0])
	if scan == nil {
		t.Fatal("no scan after the tick")
	}
	if _, again := m.Update(asked[0]); again != nil {
		t.Error("two scans after one tick")
	}
	m.Update(first())
	if _, late := m.Update(asked[0]); late != nil {
		t.Error("a scan after a tick of the past")
	}
}
