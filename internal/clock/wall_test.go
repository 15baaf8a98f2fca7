package clock

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A machine is a pair of clocks that a test sets.
type machine struct {
	mu            sync.Mutex // for set; held while the clocks are read
	stamp, offset int64
}

func (m *machine) read() Reading {
	m.mu.Lock()
	defer m.mu.Unlock()
	return Reading{Stamp: m.stamp, Wall: m.stamp + m.offset, Span: 100}
}

func (m *machine) set(stamp, offset int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stamp, m.offset = stamp, offset
}

const (
	second = int64(time.Second)
	year   = 365 * 24 * 3600 * second
)

func TestWall_StepsOfTheClock(t *testing.T) {
	m := &machine{stamp: 100 * second}
	w := NewWall(m.read)
	at := func(stamp int64) int64 { return (*w.Offsets()).Wall(stamp) }
	if w.Refresh() || at(7) != 7 {
		t.Errorf("a clock that was not set: %d", at(7))
	}
	// Set from 1970 to 2026, and later back by an hour.
	m.stamp, m.offset = 200*second, 56*year
	if !w.Refresh() || w.Refresh() {
		t.Error("one step is to be seen once")
	}
	m.stamp, m.offset = 300*second, 56*year-3600*second
	before := w.Offsets()
	if !w.Refresh() || w.Offsets() == before {
		t.Error("a step back was not seen")
	}
	for stamp, offset := range map[int64]int64{
		1: 0, 199 * second: 0, 200 * second: 56 * year, 300*second - 1: 56 * year, 300 * second: 56*year - 3600*second, 900 * second: 56*year - 3600*second,
	} {
		if got := at(stamp) - stamp; got != offset {
			t.Errorf("stamp %d: offset %d, want %d", stamp, got, offset)
		}
	}
	if (*before).Wall(301*second)-301*second != 56*year {
		t.Error("offsets changed that a caller holds")
	}
}

func TestWall_ReadingsThatDifferAreNoSteps(t *testing.T) {
	m := &machine{stamp: 100 * second}
	w := NewWall(m.read)
	for _, r := range []Reading{
		{Stamp: 101 * second, Wall: 101*second + tolerance},
		{Stamp: 102 * second, Wall: 102*second - tolerance},
		{Stamp: 103 * second, Wall: 103*second + 5*tolerance, Span: 4 * tolerance}, // something came between the two readings
	} {
		w.read = func() Reading { return r }
		if w.Refresh() || w.Time(r.Stamp) != time.Unix(0, r.Stamp) {
			t.Errorf("%+v: a step", r)
		}
	}
}

func TestWall_TimeSeesStepsItself(t *testing.T) {
	m := &machine{stamp: 100 * second}
	w := NewWall(m.read)
	m.stamp = 110 * second
	if got := w.Time(m.stamp); got != time.Unix(110, 0) {
		t.Errorf("%v", got)
	}
	m.stamp, m.offset = 200*second, year
	for stamp, want := range map[int64]int64{105 * second: 0, 110 * second: 0, 199 * second: year, 200 * second: year} {
		if got := w.Time(stamp); got != time.Unix(0, stamp+want) {
			t.Errorf("stamp %d: %v", stamp, got)
		}
	}
}

func TestWall_KeepsTheNewestOffsets(t *testing.T) {
	m := &machine{}
	w := NewWall(m.read)
	for i := range int64(3 * keptOffsets) {
		m.stamp, m.offset = i*second, i*year
		w.Refresh()
	}
	if n := len(*w.Offsets()); n != keptOffsets {
		t.Errorf("%d offsets", n)
	}
	for _, i := range []int64{3*keptOffsets - 1, 3*keptOffsets - 5} {
		if got := (*w.Offsets()).Wall(i * second); got != i*second+i*year {
			t.Errorf("offset %d: %d", i, got)
		}
	}
}

func TestWall_WatchEndsWithItsContext(t *testing.T) {
	w := NewWall(New().Read)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		w.Watch(ctx)
	}()
	cancel()
	<-ended
}

func TestWall_StepsAreSeenWithoutTheKernelsNotice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &machine{stamp: 100 * second}
		w := NewWall(m.read)
		ctx, cancel := context.WithCancel(t.Context())
		go w.poll(ctx)
		synctest.Wait()
		m.set(200*second, year)
		time.Sleep(scanInterval) // of the bubble's clock
		synctest.Wait()
		if n := len(*w.Offsets()); n != 2 {
			t.Errorf("%d offsets", n)
		}
		cancel()
	})
}
