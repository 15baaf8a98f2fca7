package command

import (
	"math"
	"testing"
	"time"

	"github.com/shmbus/shmbus/record"
)

func TestPlayLine(t *testing.T) {
	for want, p := range map[string]record.Progress{
		"[##########----------] 5.00 s of 10.0 s, 7 of 20 messages, the next one in 3s": {Position: 5 * time.Second, Length: 10 * time.Second, Messages: 7, Total: 20, Next: 3 * time.Second},
		"[####################] 11.0 s of 10.0 s, 21 of 20 messages, pass 2":            {Position: 11 * time.Second, Length: 10 * time.Second, Messages: 21, Total: 20},
		"0 messages": {},
		"[##########----------] 1.00 s of 2.00 s, 7 messages": {Position: time.Second, Length: 2 * time.Second, Messages: 7}, // of a window
	} {
		if got := playLine(p, record.PlayStatus{Rate: 1}); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	for want, s := range map[string]record.PlayStatus{
		"0 messages, the next one in 3s":           {State: record.Playing, Rate: 1},
		"0 messages, paused":                       {State: record.PlayPaused, Rate: 1},
		"0 messages, paused, rate 0.25":            {State: record.PlayPaused, Rate: 0.25},
		"0 messages, the next one in 3s, rate max": {State: record.Playing, Max: true},
		"0 messages, the next one in 3s, rate 2":   {State: record.Playing, Rate: 2},
	} {
		if got := playLine(record.Progress{Next: 3 * time.Second}, s); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestPlayKeys(t *testing.T) {
	input, keys := "a\x1b[A\x1b[C?\x1bOB", ""
	for key := ""; input != ""; {
		key, input = nextKey(input)
		keys += key + ";"
	}
	if keys != "a;up;right;?;down;" {
		t.Errorf("%q", keys)
	}
	c, ended := new(record.PlayControl), false
	press := func(key string) string { return pressed(t.Context(), key, c, func() { ended = true }) }
	if press("?") != keyHelp || press(" ") != "" || !c.Paused() || press(" ") != "" || c.Paused() {
		t.Error("help or pause")
	}
	if err := c.SetRate(3); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		key  string
		rate float64
	}{{"up", 6}, {"down", 3}, {"m", 0}, {"up", 1}, {"1", 1}} {
		if press(step.key); math.Abs(c.Status().Rate-step.rate) > 1e-9 {
			t.Errorf("%s makes the rate %v, want %v", step.key, c.Status().Rate, step.rate)
		}
	}
	if press("x"); ended {
		t.Error("an unknown key ends the replay")
	}
	if press("q"); ended {
		t.Error("q interrupts the replay instead of stopping it")
	}
	if press("\x03"); !ended {
		t.Error("Ctrl-C does not end the replay")
	}
}
