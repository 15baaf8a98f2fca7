package clock

import (
	"testing"
	"time"
)

func TestStamp_TimeIsWallClockTime(t *testing.T) {
	if at := Stamp(0).Time(); !at.IsZero() {
		t.Errorf("stamp 0 is %v", at)
	}
	const slack = time.Millisecond // two calibrations differ by less
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
