package clock

import (
	"testing"
	"time"
)

// A difference between two clocks would be a difference between the stamps of two processes.
func TestClock_AllAreEqual(t *testing.T) {
	a := New()
	if b := New(); a != b {
		t.Errorf("%+v and %+v", a, b)
	}
	if a == (Clock{}) {
		t.Error("a Clock is the zero Clock")
	}
}

func TestWallIsTheWallClock(t *testing.T) {
	c := New()
	w := NewWall(c.Read)
	before := time.Now()
	wall := w.Time(c.Now())
	if wall.Before(before.Add(-time.Millisecond)) || wall.After(time.Now().Add(time.Millisecond)) {
		t.Fatalf("a stamp taken now reads %v, the wall clock said %v", wall, before)
	}
}

func TestReadingTheClockAllocatesNothing(t *testing.T) {
	c := New()
	if n := testing.AllocsPerRun(100, func() { c.Now() }); n != 0 {
		t.Fatalf("%v allocations", n)
	}
	w := NewWall(c.Read)
	if n := testing.AllocsPerRun(100, func() { w.Time(c.Now()) }); n != 0 {
		t.Fatalf("%v allocations for wall-clock time", n)
	}
}

func TestStamp_TimeIsWallClockTime(t *testing.T) {
	if at := Stamp(0).Time(); !at.IsZero() {
		t.Errorf("stamp 0 is %v", at)
	}
	const slack = time.Millisecond // two readings of both clocks differ by less
	now := Stamp(New().Now())
	before := time.Now()
	for _, earlier := range []time.Duration{0, time.Hour, -time.Hour} {
		low := before.Add(-earlier)
		got := (now - Stamp(earlier)).Time()
		after := time.Now().Add(-earlier)
		if got.After(after.Add(slack)) || got.Before(low.Add(-slack-time.Since(before))) {
			t.Errorf("%v before %v is %v", earlier, before, got)
		}
	}
}
