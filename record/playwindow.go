package record

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// A playWindow is the part of a replay that is played.
type playWindow struct {
	start, end   time.Time     // zero = no limit
	since, until time.Duration // since the first message; until 0 = no limit
	duration     time.Duration // from the start on; 0 = no limit
}

func (o *PlayOptions) window() playWindow {
	return playWindow{o.Start, o.End, o.StartElapsed, o.EndElapsed, o.Duration}
}

func (w playWindow) begins() bool { return !w.start.IsZero() || w.since > 0 }

// resolve returns the first time of the window and the first one after it.
func (w playWindow) resolve(a *playFiles) (from, to uint64) {
	from, to = 0, math.MaxUint64
	if w.begins() {
		from = max(LogTimeOf(w.start), addTime(a.first, w.since))
	}
	if !w.end.IsZero() {
		to = LogTimeOf(w.end)
	}
	if w.until > 0 {
		to = min(to, addTime(a.first, w.until))
	}
	if w.duration > 0 {
		to = min(to, addTime(max(from, a.first), w.duration))
	}
	return from, to
}

// checkWindow returns an error if nothing can be in the window.
func (pl *player) checkWindow() error {
	f := pl.files
	if f.messages == 0 {
		return nil
	}
	return CheckTimes(pl.from, pl.to, f.first, f.last)
}

// CheckTimes returns an error if the log times from from on and before to are all outside of a recording, whose messages are from first to
// last.
func CheckTimes(from, to, first, last uint64) error {
	switch {
	case from >= to:
		return errors.New("the end must be after the start")
	case from > last:
		return fmt.Errorf("the recording ends before the start: at %v, after %v", wallTime(last), duration(last-first))
	case to <= first && to < math.MaxUint64: // which is no limit
		return fmt.Errorf("the recording begins after the end: at %v", wallTime(first))
	}
	return nil
}

func addTime(t uint64, d time.Duration) uint64 { return t + min(uint64(max(d, 0)), math.MaxUint64-t) }

// LogTimeOf returns a time as recordings have it, in nanoseconds since 1970: 0 for an earlier time and for the zero time, and
// math.MaxUint64 for one that is later than a recording can say, in 2554.
func LogTimeOf(t time.Time) uint64 {
	switch s := t.Unix(); {
	case s < 0:
		return 0
	case uint64(s) >= math.MaxUint64/uint64(time.Second):
		return math.MaxUint64
	default:
		return uint64(s)*uint64(time.Second) + uint64(t.Nanosecond())
	}
}
