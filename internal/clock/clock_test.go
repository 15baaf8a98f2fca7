package clock

import (
	"testing"
	"time"
)

func TestTwoClocksAgree(t *testing.T) {
	a, b := New(), New()
	d := a.Now() - b.Now()
	if d < -int64(time.Millisecond) || d > int64(time.Millisecond) {
		t.Fatalf("two clocks of one machine differ by %v", time.Duration(d))
	}
}

func TestWallIsTheWallClock(t *testing.T) {
	c := New()
	before := time.Now()
	wall := c.Wall(c.Now())
	if wall.Before(before.Add(-time.Millisecond)) || wall.After(time.Now().Add(time.Millisecond)) {
		t.Fatalf("a stamp taken now reads %v, the wall clock said %v", wall, before)
	}
}

func TestReadingTheClockAllocatesNothing(t *testing.T) {
	c := New()
	if n := testing.AllocsPerRun(100, func() { c.Now() }); n != 0 {
		t.Fatalf("%v allocations", n)
	}
}
