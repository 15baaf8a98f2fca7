package rules

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shmbus/shmbus/cmd/shmmon/internal/watch"
	"github.com/shmbus/shmbus/internal/clock"
	"github.com/shmbus/shmbus/internal/shm"
	"github.com/shmbus/shmbus/registry"
)

const second = int64(time.Second)

func count(n int64) *int64 { return &n }

// healthy is a view at 100 s of a topic of 10 Hz with a subscription, to which edit does harm.
func healthy(edit func(v *watch.View, t *watch.Topic, s *watch.Subscriber)) watch.View {
	owner := registry.Participant{ID: 2, Unit: "nav", PID: 22, Alive: true}
	s := watch.Subscriber{Owner: owner, P99: int64(time.Millisecond), Endpoint: registry.Endpoint{ID: registry.EndpointID{Participant: 2, Number: 1}}}
	s.Stats.Lost, s.Stats.DecodeErrors = 5, 3
	p := watch.Publisher{Owner: registry.Participant{ID: 1}, Endpoint: registry.Endpoint{Since: clock.Stamp(second)}}
	t := watch.Topic{Name: "robot/pose", State: watch.Live, Rate: 10, Measured: true, Last: 100*second - second/10, Publishers: []watch.Publisher{p}}
	v := watch.View{At: 100 * second, Space: shm.Space{Size: 1000, Available: 500}, Participants: []registry.Participant{{ID: 1, Unit: "robot", PID: 11, Alive: true}, owner}}
	if edit != nil {
		edit(&v, &t, &s)
	}
	t.Subscribers = []watch.Subscriber{s}
	v.Topics = append(v.Topics, t)
	return v
}

func all() Topic {
	return Topic{Name: "robot/**", Required: true, Stale: true, Mismatch: true, Undecodable: true, MinRate: 9, MaxRate: 11,
		MaxAge: Duration(2 * time.Second), MaxLatency: Duration(5 * time.Millisecond), MaxLost: count(0), MaxLag: count(100)}
}

func TestMonitor_EachRule(t *testing.T) {
	type edit = func(v *watch.View, t *watch.Topic, s *watch.Subscriber)
	for name, c := range map[string]struct {
		edit edit
		want string // kinds
		says string
	}{
		"healthy":  {nil, "", ""},
		"tmpfs":    {func(v *watch.View, _ *watch.Topic, _ *watch.Subscriber) { v.Space.Available = 99 }, "min_free", "9.9 % of the file system is free"},
		"no tmpfs": {func(v *watch.View, _ *watch.Topic, _ *watch.Subscriber) { v.Space = shm.Space{} }, "", ""},
		"dead":     {func(v *watch.View, _ *watch.Topic, _ *watch.Subscriber) { v.Participants[0].Alive = false }, "dead", "robot (pid 11) is dead"},
		"died": {func(v *watch.View, _ *watch.Topic, _ *watch.Subscriber) {
			v.Died = append(v.Died, registry.Participant{ID: 9, Unit: "arm", PID: 99})
		}, "dead", "arm (pid 99) died, and its files are removed"},
		"stopped": {func(v *watch.View, _ *watch.Topic, _ *watch.Subscriber) {
			v.Participants[1].State = registry.StateStopped
		}, "stopped", "nav (pid 22) is stopped"},
		"stale":       {func(_ *watch.View, t *watch.Topic, _ *watch.Subscriber) { t.State = watch.Stale }, "stale", "robot/pose has had no message"},
		"mismatch":    {func(_ *watch.View, t *watch.Topic, _ *watch.Subscriber) { t.Mismatched = 1 }, "mismatch", "1 subscription of robot/pose"},
		"lying bytes": {func(_ *watch.View, t *watch.Topic, _ *watch.Subscriber) { t.PayloadError = errors.New("no JSON") }, "undecodable", "no JSON"},
		"slow":        {func(_ *watch.View, t *watch.Topic, _ *watch.Subscriber) { t.Rate = 8.9 }, "min_rate", "8.90 messages per second, less than 9.00"},
		"fast":        {func(_ *watch.View, t *watch.Topic, _ *watch.Subscriber) { t.Rate = 11.2 }, "max_rate", "11.2 messages per second, more than 11.0"},
		"new": {func(_ *watch.View, t *watch.Topic, _ *watch.Subscriber) {
			t.Rate, t.Measured, t.Publishers[0].Endpoint.Since = 0, false, clock.Stamp(99*second)
		}, "", ""},
		"silent since long": {func(_ *watch.View, t *watch.Topic, _ *watch.Subscriber) {
			t.Rate, t.Measured, t.Last, t.State = 0, false, 0, watch.Quiet
		}, "max_age min_rate", "has had a publisher for 99.0 s, and no message"},
		"old":               {func(_ *watch.View, t *watch.Topic, _ *watch.Subscriber) { t.Last = 97 * second }, "max_age", "is 3.00 s old, more than 2.00 s"},
		"no publisher":      {func(_ *watch.View, t *watch.Topic, _ *watch.Subscriber) { t.Publishers = nil }, "max_age required", "nothing publishes robot/**"},
		"gone":              {func(_ *watch.View, t *watch.Topic, _ *watch.Subscriber) { t.State = watch.Gone }, "required", "nothing publishes"},
		"losing":            {func(_ *watch.View, _ *watch.Topic, s *watch.Subscriber) { s.Stats.Lost = 12 }, "max_lost", "nav (pid 22) to robot/pose lost 7 messages"},
		"counter goes back": {func(_ *watch.View, _ *watch.Topic, s *watch.Subscriber) { s.Stats.Lost = 1 }, "", ""},
		"undecodable":       {func(_ *watch.View, _ *watch.Topic, s *watch.Subscriber) { s.Stats.DecodeErrors = 4 }, "undecodable", "could not decode 1 message"},
		"a new lossy one":   {func(_ *watch.View, _ *watch.Topic, s *watch.Subscriber) { s.Endpoint.ID.Number = 2 }, "max_lost undecodable", "lost 5 messages"},
		"lagging":           {func(_ *watch.View, _ *watch.Topic, s *watch.Subscriber) { s.Stats.Lag = 101 }, "max_lag", "is 101 messages behind, more than 100"},
		"late":              {func(_ *watch.View, _ *watch.Topic, s *watch.Subscriber) { s.P99 = 6e6 }, "max_latency", "within 6.00 ms, more than 5.00 ms"},
		"late on other topics": {func(_ *watch.View, _ *watch.Topic, s *watch.Subscriber) {
			s.P99, s.Shared, s.Endpoint.Patterns = 6e6, true, []string{"robot/*", "arm"}
		}, "max_latency", "to robot/*, arm gets"},
	} {
		t.Run(name, func(t *testing.T) {
			m := NewMonitor(&Rules{Domain: Domain{10, true, true}, Topics: []Topic{all(), all()}}) // twice the same gives one alert
			if alerts, _ := m.Add(healthy(nil)); len(alerts) > 0 {
				t.Fatalf("the first view: %+v", alerts)
			}
			m.Add(healthy(func(v *watch.View, topic *watch.Topic, s *watch.Subscriber) {
				if c.edit != nil {
					c.edit(v, topic, s)
				}
				healthyStats := healthy(nil).Topics[0].Subscribers[0]
				s.Stats, s.Endpoint = healthyStats.Stats, healthyStats.Endpoint // losses are since this view
			}))
			alerts, more := m.Add(healthy(c.edit))
			var kinds, whats []string
			for _, a := range alerts {
				kinds, whats = append(kinds, string(a.Kind)), append(whats, a.What)
			}
			slices.Sort(kinds)
			if got := strings.Join(kinds, " "); got != c.want || more != 0 {
				t.Errorf("alerts %q, want %q: %q", got, c.want, whats)
			}
			if !strings.Contains(strings.Join(whats, "\n"), c.says) {
				t.Errorf("%q does not say %q", whats, c.says)
			}
		})
	}
}

// A process that dies is no alert before the others had time to notice.
func TestMonitor_DeathThatIsNoticed(t *testing.T) {
	m := NewMonitor(&Rules{Domain: Domain{Dead: true}})
	dead := func(v *watch.View, _ *watch.Topic, _ *watch.Subscriber) { v.Participants[0].Alive = false }
	for i, want := range []int{0, 1, 1} {
		if alerts, _ := m.Add(healthy(dead)); len(alerts) != want {
			t.Errorf("view %d: %+v", i, alerts)
		}
	}
	m.Add(healthy(nil))
	if alerts, _ := m.Add(healthy(dead)); len(alerts) != 0 {
		t.Errorf("another death: %+v", alerts)
	}
}

// What a subscription to a pattern loses is one alert, not one for each topic that the pattern matches.
func TestMonitor_SubscriptionToPattern(t *testing.T) {
	m := NewMonitor(&Rules{Topics: []Topic{all(), all()}})
	view := func(edit func(s *watch.Subscriber)) watch.View {
		v := healthy(func(_ *watch.View, _ *watch.Topic, s *watch.Subscriber) {
			s.Shared, s.Endpoint.Patterns = true, []string{"robot/*"}
			edit(s)
		})
		for _, name := range []string{"robot/scan", "robot/cam"} {
			other := v.Topics[0]
			other.Name = name
			v.Topics = append(v.Topics, other)
		}
		return v
	}
	m.Add(view(func(*watch.Subscriber) {}))
	alerts, _ := m.Add(view(func(s *watch.Subscriber) {
		s.Stats.Lost, s.Stats.DecodeErrors, s.Stats.Lag, s.P99 = 95, 4, 101, 6e6
	}))
	kinds := map[Kind]float64{}
	for _, a := range alerts {
		kinds[a.Kind] = a.Value
		if a.Topic != "robot/*" || !strings.Contains(a.What, "nav (pid 22) to robot/* ") {
			t.Errorf("%+v", a)
		}
	}
	if want := (map[Kind]float64{Lost: 90, Undecodable: 1, Lag: 101, Latency: 0.006}); len(alerts) != 4 || !maps.Equal(kinds, want) {
		t.Errorf("%+v", alerts)
	}
}

func TestMonitor_AlertsAreBounded(t *testing.T) {
	var v watch.View
	for i := range 3 * maxAlerts {
		v.Topics = append(v.Topics, watch.Topic{Name: fmt.Sprintf("t/%04d", i), State: watch.Stale})
	}
	alerts, more := NewMonitor(Default()).Add(v)
	if len(alerts) != maxAlerts || more != 2*maxAlerts || alerts[0].Topic != "t/0000" {
		t.Errorf("%d alerts and %d more, first %+v", len(alerts), more, alerts[0])
	}
}
