package command

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/shmbus/shmbus/cmd/internal/cli"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/watch"
	"github.com/shmbus/shmbus/internal/stats"
)

// A window without a measured delay has those before it: of the subscription's life at first, then of the newest window that has some.
func TestDelay_WindowsWithoutSamples(t *testing.T) {
	var out strings.Builder
	a := app{App: &cli.App{Stdout: &out}}
	topic := watch.Topic{Name: "slow", Subscribers: make([]watch.Subscriber, 1)}
	line := func(meter delayMeter, json bool) string {
		t.Helper()
		out.Reset()
		a.JSON = json
		if err := a.printDelays(meter, &window{}, "slow", topic); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	if s := line(delayMeter{}, false); !strings.Contains(s, "p50        -") || !strings.Contains(s, "  0 messages measured, ") {
		t.Errorf("none ever: %s", s)
	}
	latency := &topic.Subscribers[0].Stats.Latency
	latency[10] = 5
	numbers, texts := delayMeter{}, delayMeter{}
	for _, c := range []struct {
		more, of uint32 // delays, and their bucket
		shown    int    // the bucket of the delays that are shown
		measured bool
		text     string
	}{
		{0, 0, 10, false, "0 messages measured (delays since it began), "},
		{1, 30, 30, true, "1 message measured, "},
		{0, 0, 30, true, "0 messages measured (delays of an earlier window), "},
		{2, 20, 20, true, "2 messages measured, "},
	} {
		latency[c.of] += c.more
		var r delayReport
		if err := json.Unmarshal([]byte(line(numbers, true)), &r); err != nil {
			t.Fatal(err)
		}
		only := histogram{}
		only[c.shown] = 1
		want := stats.Percentile(&only, 0.5)
		if r.P50 == nil || *r.P50 != want || r.P99 == nil || *r.P99 != want || r.Samples != uint64(c.more) || r.Measured != c.measured {
			t.Errorf("want %d of %+v: %s", want, c, out.String())
		}
		if s := line(texts, false); !strings.Contains(s, c.text) {
			t.Errorf("want %q: %s", c.text, s)
		}
	}
}
