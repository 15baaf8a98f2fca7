package journal

import (
	"strings"
	"testing"

	"github.com/shmbus/shmbus/cmd/shmmon/internal/watch"
	"github.com/shmbus/shmbus/registry"
)

// view is a view of a publisher with a subscription, to which edit does harm.
func view(edit func(v *watch.View, t *watch.Topic, p *watch.Publisher, s *watch.Subscriber)) watch.View {
	robot := registry.Participant{ID: 1, Unit: "robot", PID: 11, Alive: true, State: registry.StateRunning}
	nav := registry.Participant{ID: 2, Unit: "nav", PID: 22, Alive: true, State: registry.StateRunning}
	v := watch.View{Participants: []registry.Participant{robot, nav}}
	t := watch.Topic{Name: "pose", State: watch.Live}
	p := watch.Publisher{Owner: robot, Endpoint: registry.Endpoint{ID: registry.EndpointID{Participant: 1, Number: 1}, Encoding: "json"}}
	s := watch.Subscriber{Owner: nav, Endpoint: registry.Endpoint{ID: registry.EndpointID{Participant: 2, Number: 1}, Encoding: "json", Patterns: []string{"pose"}}}
	p.Stats.Failed, s.Stats.Lost, s.Stats.DecodeErrors = 3, 5, 7
	edit(&v, &t, &p, &s)
	t.Publishers, t.Subscribers = []watch.Publisher{p}, []watch.Subscriber{s}
	v.Topics = []watch.Topic{t}
	return v
}

func TestJournal_Entries(t *testing.T) {
	type edit = func(v *watch.View, t *watch.Topic, p *watch.Publisher, s *watch.Subscriber)
	healthy := func(*watch.View, *watch.Topic, *watch.Publisher, *watch.Subscriber) {}
	for name, c := range map[string]struct {
		edits []edit // of the views one after the other
		want  string // of the last
	}{
		"nothing":     {[]edit{healthy, healthy}, ""},
		"first view":  {[]edit{healthy}, ""},
		"lost":        {[]edit{healthy, func(_ *watch.View, _ *watch.Topic, _ *watch.Publisher, s *watch.Subscriber) { s.Stats.Lost = 9 }}, "lost pose nav: 4 messages, 9 in all"},
		"undecodable": {[]edit{healthy, func(_ *watch.View, _ *watch.Topic, _ *watch.Publisher, s *watch.Subscriber) { s.Stats.DecodeErrors++ }}, "undecodable pose nav: 1 message, 8 in all"},
		"failed":      {[]edit{healthy, func(_ *watch.View, _ *watch.Topic, p *watch.Publisher, _ *watch.Subscriber) { p.Stats.Failed = 5 }}, "failed pose robot: 2 failures to publish"},
		"a new lossy one": {[]edit{healthy, func(_ *watch.View, _ *watch.Topic, _ *watch.Publisher, s *watch.Subscriber) {
			s.Endpoint.ID.Number, s.Stats.DecodeErrors = 2, 0
		}}, "lost pose nav: 5 messages, 5 in all"},
		"an estimate that was too high": {[]edit{
			func(_ *watch.View, _ *watch.Topic, _ *watch.Publisher, s *watch.Subscriber) { s.Stats.Lost = 50 }, healthy,
			func(_ *watch.View, _ *watch.Topic, _ *watch.Publisher, s *watch.Subscriber) { s.Stats.Lost = 50 },
		}, ""},
		"stopped": {[]edit{healthy, func(v *watch.View, _ *watch.Topic, _ *watch.Publisher, _ *watch.Subscriber) {
			v.Participants[1].State = registry.StateStopped
		}}, "stopped  nav: by a signal or a debugger"},
		"continued": {[]edit{func(v *watch.View, _ *watch.Topic, _ *watch.Publisher, _ *watch.Subscriber) {
			v.Participants[1].State = registry.StateStopped
		}, healthy}, "continued  nav: it runs again"},
		"stale":   {[]edit{healthy, func(_ *watch.View, t *watch.Topic, _ *watch.Publisher, _ *watch.Subscriber) { t.State = watch.Stale }}, "stale pose : messages came and stopped"},
		"resumed": {[]edit{func(_ *watch.View, t *watch.Topic, _ *watch.Publisher, _ *watch.Subscriber) { t.State = watch.Stale }, healthy}, "resumed pose : messages come again"},
		"mismatch": {[]edit{func(_ *watch.View, _ *watch.Topic, _ *watch.Publisher, s *watch.Subscriber) {
			s.Mismatch, s.Endpoint.Encoding = true, "cbor"
		}}, "mismatch pose nav: the subscription expects another type than robot (pid 11) publishes"},
		"a known one": {[]edit{
			func(_ *watch.View, _ *watch.Topic, _ *watch.Publisher, s *watch.Subscriber) {
				s.Mismatch, s.Endpoint.Encoding = true, "cbor"
			},
			func(_ *watch.View, _ *watch.Topic, _ *watch.Publisher, s *watch.Subscriber) {
				s.Mismatch, s.Endpoint.Encoding = true, "cbor"
			},
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var j Journal
			var entries []Entry
			for _, e := range c.edits {
				entries = j.Add(view(e))
			}
			var lines []string
			for _, e := range entries {
				lines = append(lines, string(e.Kind)+" "+e.Topic+" "+e.Owner.Unit+": "+e.Text)
			}
			if got := strings.Join(lines, "\n"); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// A subscription to several topics has one entry.
func TestJournal_PatternHasOneEntry(t *testing.T) {
	two := func(lost uint64) watch.View {
		v := view(func(_ *watch.View, _ *watch.Topic, _ *watch.Publisher, s *watch.Subscriber) {
			s.Stats.Lost, s.Shared, s.Endpoint.Patterns = lost, true, []string{"*"}
		})
		v.Topics = append(v.Topics, v.Topics[0])
		v.Topics[1].Name = "scan"
		return v
	}
	var j Journal
	j.Add(two(5))
	if entries := j.Add(two(6)); len(entries) != 1 || entries[0].Topic != "*" {
		t.Errorf("%+v", entries)
	}
}
