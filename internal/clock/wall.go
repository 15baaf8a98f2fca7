package clock

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// A Reading is what both clocks say at one moment.
type Reading struct {
	Stamp int64 // as of Clock.Now
	Wall  int64 // ns since 1970
	Span  int64 // ns within which both were read
}

// Read reads both clocks next to each other. Where something comes between it tries again, and returns the closest pair.
func (c Clock) Read() Reading {
	const close = int64(2 * time.Microsecond)
	var best Reading
	for i := range 8 {
		before := c.Now()
		wall := time.Now().UnixNano()
		span := c.Now() - before
		if i == 0 || span < best.Span {
			best = Reading{Stamp: before + span/2, Wall: wall, Span: span}
		}
		if span <= close {
			break
		}
	}
	return best
}

// An Offset is what is added to stamps from Since on for wall-clock time, until the next Offset.
type Offset struct{ Since, NS int64 }

// Offsets are the offsets that held one after the other, the oldest first, at least one. They are not changed.
type Offsets []Offset

// Wall returns the wall-clock time of a stamp, in ns since 1970. The oldest offset holds for all stamps before it.
func (o Offsets) Wall(stamp int64) int64 {
	i := len(o) - 1
	for i > 0 && stamp < o[i].Since {
		i--
	}
	return stamp + o[i].NS
}

// A Wall turns stamps into wall-clock time by the offset that held at the stamp. The offset changes when the wall clock is set
// and when the machine was suspended, and not when the clock is slewed, since that concerns both clocks. It is safe for
// concurrent use.
type Wall struct {
	read     func() Reading
	mu       sync.Mutex // held while offsets are replaced
	offsets  atomic.Pointer[Offsets]
	verified atomic.Int64 // a stamp at which the last of offsets held
}

// keptOffsets is how many offsets are kept; stamps of before are turned with the oldest one.
const keptOffsets = 64

// tolerance is by how many ns two offsets may differ without that being a step: more than what two readings differ by.
const tolerance = int64(100 * time.Microsecond)

// NewWall begins with the offset of now. read is Clock.Read, or what stands in for it.
func NewWall(read func() Reading) *Wall {
	w := &Wall{read: read}
	r := read()
	w.offsets.Store(&Offsets{{Since: r.Stamp, NS: r.Wall - r.Stamp}})
	w.verified.Store(r.Stamp)
	return w
}

// Offsets returns the offsets known so far: the same pointer until there is another one. It reads no clock.
func (w *Wall) Offsets() *Offsets { return w.offsets.Load() }

// Refresh reads the clocks and reports whether the offset has changed. If so the new one holds for stamps from now on.
func (w *Wall) Refresh() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	r := w.read()
	return w.changed(r, r.Stamp)
}

// Time returns the wall-clock time of a stamp. It reads the clocks, so it needs no Watch: an offset that turns out to have
// changed holds for stamps of after the last call before, which is right for samples that are asked soon after they were
// published.
func (w *Wall) Time(stamp int64) time.Time {
	r := w.read()
	offsets := *w.offsets.Load()
	if step := r.Wall - r.Stamp - offsets[len(offsets)-1].NS; step > tolerance+r.Span || step < -tolerance-r.Span {
		w.mu.Lock()
		w.changed(r, w.verified.Load()+1)
		w.mu.Unlock()
		offsets = *w.offsets.Load()
	} else {
		w.verified.Store(r.Stamp)
	}
	return time.Unix(0, offsets.Wall(stamp))
}

// changed adds the offset of a reading if it is another one. Called with mu held.
func (w *Wall) changed(r Reading, since int64) bool {
	old := *w.offsets.Load()
	last := old[len(old)-1]
	step := r.Wall - r.Stamp - last.NS
	if r.Stamp < last.Since || step <= tolerance+r.Span && step >= -tolerance-r.Span {
		return false
	}
	offsets := append(slices.Clone(old[max(0, len(old)+1-keptOffsets):]), Offset{Since: max(since, last.Since), NS: last.NS + step})
	w.offsets.Store(&offsets)
	w.verified.Store(r.Stamp)
	return true
}

// A Stamp is a moment in nanoseconds of CLOCK_MONOTONIC, as Clock.Now returns it. All processes of one boot share that clock,
// whatever their time namespace. It never jumps, and it stands still while the machine is suspended. The difference of two
// stamps is a duration in nanoseconds. 0 means no moment.
type Stamp int64

// Time returns the stamp as wall-clock time, by the offset between both clocks now, and the zero Time for 0. If the wall clock
// was set or the machine was suspended after the stamp, the result differs by that much from what the wall clock showed at
// that moment. Time reads both clocks several times and a file of /proc, which takes some microseconds.
func (s Stamp) Time() time.Time {
	if s == 0 {
		return time.Time{}
	}
	r := New().Read()
	return time.Unix(0, r.Wall+int64(s)-r.Stamp)
}
