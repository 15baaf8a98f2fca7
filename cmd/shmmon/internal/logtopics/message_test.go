package logtopics

import (
	"math"
	"testing"
)

func TestLevelOf_AnyValueHasALevel(t *testing.T) {
	for _, test := range []struct {
		value any
		want  string
	}{
		{10.0, "debug"}, {20.0, "info"}, {50.0, "fatal"}, {3.0, "warn"}, {"WARNING", "warn"}, {"error", "error"}, {"40", "error"},
		{nil, "debug"}, {"", "debug"}, {-1.0, "debug"}, {1e300, "fatal"}, {true, "debug"},
		{"NaN", "debug"}, {"-NaN", "debug"}, {"Inf", "fatal"}, {"-Inf", "debug"}, {math.NaN(), "debug"},
	} {
		if got := levelOf(test.value); got != test.want {
			t.Errorf("%v: level %s, want %s", test.value, got, test.want)
		}
	}
}
