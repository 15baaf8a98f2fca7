package metrics

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/shmbus/shmbus/cmd/shmmon/internal/rules"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/watch"
	"github.com/shmbus/shmbus/internal/clock"
	"github.com/shmbus/shmbus/internal/shm"
	"github.com/shmbus/shmbus/registry"
)

const second = int64(time.Second)

func publisher(id registry.ID, messages uint64) watch.Publisher {
	p := watch.Publisher{Endpoint: registry.Endpoint{ID: registry.EndpointID{Participant: id, Number: 1}}}
	p.Stats = registry.PublisherStats{Messages: messages, Bytes: 10 * messages, Memory: 4096, LastStamp: clock.Stamp(second)}
	return p
}

func subscriber(id registry.ID, unit string, lost uint64, asked ...string) watch.Subscriber {
	s := watch.Subscriber{Owner: registry.Participant{ID: id, Unit: unit}, P50: -1, P99: -1,
		Endpoint: registry.Endpoint{ID: registry.EndpointID{Participant: id, Number: 1}, Patterns: asked}}
	s.Stats.Messages, s.Stats.Lost = 100, lost
	return s
}

func topicOf(name string, pubs []watch.Publisher, subs ...watch.Subscriber) watch.Topic {
	return watch.Topic{Name: name, State: watch.Live, Last: 9 * second, Publishers: pubs, Subscribers: subs}
}

func exported(e *Exporter, at int64, alerts []rules.Alert, topics ...watch.Topic) map[string]float64 {
	e.Add(Scan{Now: time.Unix(1700000000, 0), Alerts: alerts, View: watch.View{At: at, Topics: topics, Space: shm.Space{Size: 1 << 30, Available: 1 << 29},
		Participants: []registry.Participant{{Alive: true, State: registry.StateRunning}, {}}}})
	return parse(string(e.Text()))
}

var line = regexp.MustCompile(`^([a-z_]+)(\{[a-z_]+="(?:[^"\\\n]|\\[\\"n])*"(?:,[a-z_]+="(?:[^"\\\n]|\\[\\"n])*")*\})? (\S+)$`)

// parse returns the series of a text of metrics. What is against the format has the name "wrong".
func parse(s string) map[string]float64 {
	series := make(map[string]float64)
	family := ""
	for l := range strings.Lines(s) {
		l = strings.TrimSuffix(l, "\n")
		if help, ok := strings.CutPrefix(l, "# HELP "); ok {
			family, _, _ = strings.Cut(help, " ")
			continue
		}
		if kind, ok := strings.CutPrefix(l, "# TYPE "); ok {
			if kind != family+" gauge" && kind != family+" counter" && kind != family+" summary" || strings.HasSuffix(family, "_total") != strings.HasSuffix(kind, "counter") {
				series["wrong"]++
			}
			continue
		}
		m := line.FindStringSubmatch(l)
		if m == nil || m[1] != family || !utf8.ValidString(l) {
			series["wrong"]++
			continue
		}
		v, err := strconv.ParseFloat(m[3], 64)
		if _, twice := series[m[1]+m[2]]; twice || err != nil {
			series["wrong"]++
		}
		series[m[1]+m[2]] = v
	}
	return series
}

func expect(t *testing.T, got map[string]float64, want map[string]float64) {
	t.Helper()
	for name, v := range want {
		if found, ok := got[name]; !ok || found != v {
			t.Errorf("%s is %v (%t), want %v in\n%s", name, found, ok, v, strings.Join(slices.Sorted(maps.Keys(got)), "\n"))
		}
	}
	if got["wrong"] > 0 {
		t.Errorf("%v lines are against the format", got["wrong"])
	}
}

func TestExporter_Figures(t *testing.T) {
	s := subscriber(3, "nav", 4, "robot/pose")
	s.P50, s.P99, s.Stats.Lag, s.Stats.Held, s.Stats.DecodeErrors = 1500, 2_000_000, 7, 3, 2
	got := exported(New(), 10*second, []rules.Alert{{Kind: rules.Lost}, {Kind: rules.Lost}},
		topicOf("robot/pose", []watch.Publisher{publisher(1, 50), publisher(2, 5)}, s))
	expect(t, got, map[string]float64{
		"shmbus_up": 1, "shmbus_dropped_series": 0, "shmbus_scan_problems": 0,
		`shmbus_participants{state="running"}`: 1, `shmbus_participants{state="dead"}`: 1, `shmbus_participants{state="stopped"}`: 0,
		"shmbus_file_system_size_bytes": 1 << 30, "shmbus_file_system_available_bytes": 1 << 29,
		`shmbus_alerts{rule="max_lost"}`: 2, `shmbus_alerts{rule="stale"}`: 0,
		`shmbus_topic_messages_total{topic="robot/pose"}`: 55, `shmbus_topic_bytes_total{topic="robot/pose"}`: 550,
		`shmbus_topic_publishers{topic="robot/pose"}`: 2, `shmbus_topic_subscriptions{topic="robot/pose"}`: 1,
		`shmbus_topic_memory_bytes{topic="robot/pose"}`:                                      8192,
		`shmbus_topic_last_message_timestamp_seconds{topic="robot/pose"}`:                    1699999999,
		`shmbus_subscription_lost_messages_total{topic="robot/pose",unit="nav"}`:             4,
		`shmbus_subscription_messages_total{topic="robot/pose",unit="nav"}`:                  100,
		`shmbus_subscription_undecodable_messages_total{topic="robot/pose",unit="nav"}`:      2,
		`shmbus_subscription_lag_messages{topic="robot/pose",unit="nav"}`:                    7,
		`shmbus_subscription_held_samples{topic="robot/pose",unit="nav"}`:                    3,
		`shmbus_subscription_latency_seconds{topic="robot/pose",unit="nav",quantile="0.5"}`:  1.5e-6,
		`shmbus_subscription_latency_seconds{topic="robot/pose",unit="nav",quantile="0.99"}`: 0.002,
	})
}

// Counters never decrease when publishers and subscriptions leave, restart, cannot be read for a moment, or count backwards.
func TestExporter_CountersGoOn(t *testing.T) {
	e := New()
	const messages, lost = `shmbus_topic_messages_total{topic="x"}`, `shmbus_subscription_lost_messages_total{topic="x",unit="nav"}`
	both := []watch.Publisher{publisher(1, 100), publisher(2, 50)}
	expect(t, exported(e, second, nil, topicOf("x", both, subscriber(3, "nav", 5, "x"))), map[string]float64{messages: 150, lost: 5})
	expect(t, exported(e, 2*second, nil, topicOf("x", both[:1], subscriber(3, "nav", 9, "x"))), map[string]float64{messages: 150, lost: 9})
	expect(t, exported(e, 3*second, nil, topicOf("x", []watch.Publisher{publisher(1, 110), publisher(2, 60)}, subscriber(3, "nav", 7, "x"))),
		map[string]float64{messages: 170, lost: 9})
	expect(t, exported(e, 4*second, nil, topicOf("x", []watch.Publisher{publisher(1, 90), publisher(4, 3)}, subscriber(5, "nav", 2, "x"))),
		map[string]float64{messages: 173, lost: 11})
	e.Fail()
	expect(t, parse(string(e.Text())), map[string]float64{"shmbus_up": 0})
	expect(t, exported(e, 5*second, nil, topicOf("x", []watch.Publisher{publisher(1, 111)}, subscriber(5, "nav", 2, "x"))), map[string]float64{messages: 174, lost: 11})
	if len(e.publishers) != 3 {
		t.Errorf("%d publishers remembered", len(e.publishers))
	}
	exported(e, 200*second, nil, topicOf("x", both[:1]))
	if len(e.publishers) != 1 || len(e.subscriptions) != 0 {
		t.Errorf("%d publishers and %d subscriptions remembered after a long time", len(e.publishers), len(e.subscriptions))
	}
}

// A subscription to several topics counts once.
func TestExporter_PatternCountsOnce(t *testing.T) {
	s := subscriber(3, "log", 4, "robot/**", "x")
	got := exported(New(), second, nil, topicOf("robot/a", nil, s), topicOf("robot/b", nil, s), topicOf("x", nil, s))
	expect(t, got, map[string]float64{`shmbus_subscription_lost_messages_total{topic="robot/**,x",unit="log"}`: 4, `shmbus_subscriptions{topic="robot/**,x",unit="log"}`: 1})
}

func TestExporter_HostileNames(t *testing.T) {
	names := []string{"a\"b", `a\b`, "a\nb", `a\nb`, "\x1b[2J", `\x1b[2J`, "\xff\xfe", "\u202e", "a{b=\"c\"} 5", strings.Repeat("ä", 5000)}
	var topics []watch.Topic
	for i, name := range names {
		topics = append(topics, topicOf(name, []watch.Publisher{publisher(registry.ID(i+1), 1)}))
	}
	got := exported(New(), second, nil, topics...)
	expect(t, got, map[string]float64{
		`shmbus_topic_messages_total{topic="a\"b"}`: 1, `shmbus_topic_messages_total{topic="a\\b"}`: 1, `shmbus_topic_messages_total{topic="\\x1b[2J"}`: 1,
	})
	if got["shmbus_dropped_series"] != 2*8 { // two pairs of names look alike
		t.Errorf("%v series dropped", got["shmbus_dropped_series"])
	}
	for name := range got {
		if len(name) > 2*maxLabel {
			t.Errorf("a label of %d bytes", len(name))
		}
	}
}

func TestExporter_SeriesAreBounded(t *testing.T) {
	var topics []watch.Topic
	for i := range maxSeries + 5 {
		topics = append(topics, topicOf(fmt.Sprint("t/", i), nil))
	}
	if got := exported(New(), second, nil, topics...); got["shmbus_dropped_series"] != 5*8 || len(got) > 9*maxSeries {
		t.Errorf("%v dropped, %d kept", got["shmbus_dropped_series"], len(got))
	}
}
