package messages

import (
	"math"
	"time"
)

// A Time is a moment since 1970-01-01 00:00:00 UTC, from 1901 to 2038. The zero Time means that no time is set.
type Time struct {
	Sec     int32  // may be negative
	Nanosec uint32 // after Sec, below 1000000000
}

// TimeOf returns t, or the nearest Time if t is out of range. The zero time.Time becomes the zero Time.
func TimeOf(t time.Time) Time {
	switch s := t.Unix(); {
	case t.IsZero():
		return Time{}
	case s < math.MinInt32:
		return Time{Sec: math.MinInt32}
	case s > math.MaxInt32:
		return Time{Sec: math.MaxInt32, Nanosec: 999999999}
	default:
		return Time{Sec: int32(s), Nanosec: uint32(t.Nanosecond())}
	}
}

// Time returns t in UTC. The zero Time becomes the zero time.Time.
func (t Time) Time() time.Time {
	if t == (Time{}) {
		return time.Time{}
	}
	return time.Unix(int64(t.Sec), int64(t.Nanosec)).UTC()
}

// A Duration is a signed span of time of up to 68 years.
type Duration struct {
	Sec     int32  // rounded down, so -0.5 s is -1 s and 500000000 ns
	Nanosec uint32 // after Sec, below 1000000000
}

// DurationOf returns d, or the nearest Duration if d is out of range.
func DurationOf(d time.Duration) Duration {
	s, n := d/time.Second, d%time.Second
	if n < 0 {
		s, n = s-1, n+time.Second
	}
	switch {
	case s < math.MinInt32:
		return Duration{Sec: math.MinInt32}
	case s > math.MaxInt32:
		return Duration{Sec: math.MaxInt32, Nanosec: 999999999}
	}
	return Duration{Sec: int32(s), Nanosec: uint32(n)}
}

// Duration returns d as a time.Duration.
func (d Duration) Duration() time.Duration {
	return time.Duration(d.Sec)*time.Second + time.Duration(d.Nanosec)
}

// A Header says when and in which frame the values of a message are valid.
type Header struct {
	Stamp   Time // when they were measured, not when they were published
	FrameID string
}
