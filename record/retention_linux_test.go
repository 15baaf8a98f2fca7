package record

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// The age of a part of this recording does not come from its file, whose time is that of a wall clock that may be set.
func TestParts_KeepDurationOverStepsOfTheWallClock(t *testing.T) {
	dir := t.TempDir()
	p := &parts{
		path: filepath.Join(dir, "f.mcap"), opts: &RecordOptions{Numbered: true, KeepDuration: time.Hour}, fail: func(err error) { t.Error(err) }, start: time.Now(),
	}
	on := func() (names []string) {
		files, err := os.ReadDir(dir)
		must(t, err)
		for _, f := range files {
			names = append(names, f.Name())
		}
		return names
	}
	for number, age := range []time.Duration{2 * time.Hour, 20 * time.Minute} { // of an earlier recording
		must(t, os.WriteFile(p.nameOf(number+1), nil, 0o600))
		must(t, os.Chtimes(p.nameOf(number+1), time.Time{}, p.start.Add(-age)))
	}
	for range 2 {
		d, _, err := p.create(time.Now())
		must(t, err)
		must(t, p.done(d, nil))
		must(t, os.Chtimes(d.name(), time.Time{}, p.start.Add(-24*time.Hour))) // as if the clock had been set by a day since
	}
	for _, test := range []struct {
		after time.Duration
		want  []string
	}{
		{0, []string{"f-0002.mcap", "f-0003.mcap", "f-0004.mcap"}},
		{50 * time.Minute, []string{"f-0003.mcap", "f-0004.mcap"}},
		{2 * time.Hour, nil},
	} {
		must(t, p.keep(p.start.Add(test.after), 0))
		if got := on(); !slices.Equal(got, test.want) {
			t.Errorf("after %v: %v, want %v", test.after, got, test.want)
		}
	}
	if n := p.deleted.Load(); n != 4 || len(p.ended) != 0 {
		t.Errorf("%d deleted, the times of %d parts are kept", n, len(p.ended))
	}
}

func TestAgeOf_StepsOfTheWallClock(t *testing.T) {
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		changed, step, elapsed, want time.Duration // changed: after the start
	}{
		{-time.Hour, 0, time.Minute, time.Hour + time.Minute},
		{-time.Hour, 24 * time.Hour, time.Minute, time.Hour + time.Minute}, // set forward: its day is no age
		{-time.Hour, -30 * time.Minute, time.Minute, 31 * time.Minute},
		{365 * 24 * time.Hour, 400 * 24 * time.Hour, time.Minute, 35*24*time.Hour + time.Minute}, // from a clock that was slow at the start
		{10 * time.Minute, 0, 15 * time.Minute, 5 * time.Minute},
	} {
		now := start.Add(test.elapsed + test.step)
		t.Run(fmt.Sprint(test), func(t *testing.T) {
			if got := ageOf(start.Add(test.changed), start, now, test.elapsed); got != test.want {
				t.Errorf("the age is %v, want %v", got, test.want)
			}
		})
	}
}
