package rules

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const whole = `# of a robot
[domain]
min_free = 15.5
dead = true
stopped = true

[[topic]]
name = "robot/**"
required = true
stale = true
mismatch = true
undecodable = true
min_rate = 9
max_rate = 11.5
max_age = "2s"
max_latency = "5ms"
max_lost = 0
max_lag = 100

[[topic]]
name = "camera/front"
max_age = "1m"
`

func TestParse_EveryRule(t *testing.T) {
	r, err := Parse([]byte(whole))
	if err != nil {
		t.Fatal(err)
	}
	if r.Domain != (Domain{15.5, true, true}) || len(r.Topics) != 2 {
		t.Fatalf("%+v", r)
	}
	robot := r.Topics[0]
	if *robot.MaxLost != 0 || *robot.MaxLag != 100 || r.Topics[1].MaxLost != nil {
		t.Errorf("%+v", r.Topics)
	}
	robot.MaxLost, robot.MaxLag = nil, nil
	if want := (Topic{"robot/**", true, true, true, true, 9, 11.5, Duration(2 * time.Second), Duration(5 * time.Millisecond), nil, nil}); robot != want {
		t.Errorf("%+v, want %+v", robot, want)
	}
}

func TestParse_Mistakes(t *testing.T) {
	topic := func(lines string) string { return "[[topic]]\nname = \"a\"\n" + lines }
	for text, want := range map[string]string{
		"[domain]\nmin_fre = 10":          `there is no rule "domain.min_fre"`,
		"[domain]\nmin_free = 101":        "min_free 101 is not a percentage",
		"[domain]\nmin_free = nan":        "not a percentage",
		"[domain":                         "line 1",
		"":                                "there is no rule, so nothing would be checked",
		"[domain]\ndead = false":          "there is no rule",
		"[[topic]]\nmax_age = \"2s\"":     "its name, or pattern",
		"[[topic]]\nname = \"a//b\"":      "empty segment",
		topic(""):                         "checks nothing",
		topic("max_age = \"2\""):          `"2" is no duration`,
		topic("max_age = 2"):              "max_age",
		topic("max_age = \"-2s\""):        "max_age -2s is negative",
		topic("max_latency = \"-1ms\""):   "max_latency -1ms is negative",
		topic("min_rate = -1"):            "min_rate -1",
		topic("max_rate = inf"):           "max_rate +Inf",
		topic("min_rate = 3\nmax_rate=2"): "min_rate 3 is above max_rate 2",
		topic("max_lost = -1"):            "max_lost",
		topic("required = true") + strings.Repeat("\n[[topic]]\nname = \"a\"\nstale = true", maxTopics): "1001 rules",
	} {
		if _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: %v, want %q", text, err, want)
		}
	}
	if err := Default().Check(); err != nil {
		t.Error(err)
	}
}

func TestLoad_Files(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rules.toml")
	if _, err := Load(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Error(err)
	}
	if err := os.WriteFile(path, []byte(whole), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(path, []byte(whole+strings.Repeat("#\n", maxFile/2)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path); err == nil || !strings.Contains(err.Error(), "more than 1 MiB") {
		t.Error(err)
	}
}
