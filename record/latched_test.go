package record

import (
	"strings"
	"testing"

	"github.com/shmbus/shmbus/record/mcapfile"
)

func TestIsLatched(t *testing.T) {
	humble := "- history: 1\n  depth: 1\n  reliability: 1\n  durability: %\n  deadline:\n    sec: 9223372036\n    nsec: 854775807\n"
	jazzy := strings.ReplaceAll(strings.ReplaceAll(humble, "history: 1", "history: keep_last"), "reliability: 1", "reliability: reliable")
	with := func(profile, durability string) map[string]string {
		return map[string]string{keyOfferedQoS: strings.ReplaceAll(profile, "%", durability)}
	}
	for name, c := range map[string]struct {
		metadata map[string]string
		want     bool
	}{
		"nothing":              {nil, false},
		"shmrec":               {map[string]string{keyLatched: "true"}, true},
		"shmrec, not":          {map[string]string{keyLatched: "false"}, false},
		"a number":             {with(humble, "1"), true},
		"volatile as a number": {with(humble, "2"), false},
		"a longer number":      {with(humble, "10"), false},
		"a word":               {with(jazzy, "transient_local"), true},
		"an upper-case word":   {with(jazzy, "TRANSIENT_LOCAL"), true},
		"quoted":               {with(jazzy, `"transient_local"`), true},
		"volatile as a word":   {with(jazzy, "volatile"), false},
		"a longer word":        {with(jazzy, "transient_local_not"), false},
		"the second publisher": {map[string]string{keyOfferedQoS: strings.ReplaceAll(humble, "%", "2") + strings.ReplaceAll(humble, "%", "1")}, true},
		"flow style":           {map[string]string{keyOfferedQoS: "[{history: 3, durability: 1, depth: 5}]"}, true},
		"JSON":                 {map[string]string{keyOfferedQoS: `[{"durability": "transient_local"}]`}, true},
		"another key":          {map[string]string{keyOfferedQoS: "max_durability: 1\ndurability_service: 1\n"}, false},
		"the key at the end":   {map[string]string{keyOfferedQoS: "x: durability"}, false},
		"no value":             {map[string]string{keyOfferedQoS: "durability:"}, false},
		"a DDS recorder":       {map[string]string{keyQoS: "reliability: true\ndurability: true\n"}, true},
		"a DDS recorder, not":  {map[string]string{keyQoS: "reliability: true\ndurability: false\n"}, false},
		"ROS 1":                {map[string]string{keyLatching: "1"}, true},
		"ROS 1 as MCAP has it": {map[string]string{keyLatching: "true"}, true},
		"ROS 1, not":           {map[string]string{keyLatching: "0"}, false},
	} {
		if got := isLatched(&mcapfile.Channel{Metadata: c.metadata}); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
