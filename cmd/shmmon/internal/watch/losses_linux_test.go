package watch

import (
	"maps"
	"testing"

	"github.com/shmbus/shmbus/topic"
)

// Beside a subscription to all topics the connection that loses is told from those that cannot have lost as much.
func TestDomain_LossesOfAPattern(t *testing.T) {
	p := joinTestDomain(t)
	sub, err := topic.NewSubscriber[int](t.Context(), p, "**", nil)
	if err != nil {
		t.Fatal(err)
	}
	domain, err := Open(p.Dir())
	if err != nil {
		t.Fatal(err)
	}
	defer domain.Close()
	for name, n := range map[string]int{"fast": 100, "slow": 5, "quiet": 0} {
		pub, err := topic.NewPublisher[int](t.Context(), p, name, &topic.PublisherOptions[int]{Depth: 16})
		if err != nil {
			t.Fatal(err)
		}
		for i := range n {
			if _, err := pub.Publish(t.Context(), i); err != nil {
				t.Fatal(err)
			}
		}
	}
	tracker := NewTracker(nil)
	expect := func(when string, want map[string]Loss) {
		t.Helper()
		s, err := domain.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		got := make(map[string]Loss)
		for _, c := range tracker.Connections(tracker.Add(s), domain.Inspect(s.Participants, WantConnections)) {
			got[c.Topic] = c.Lost
		}
		if !maps.Equal(got, want) {
			t.Errorf("%s: %v, want %v", when, got, want)
		}
	}
	expect("before it takes any", map[string]Loss{"fast": {84, 84, 84}, "slow": {0, 0, 84}, "quiet": {0, 0, 84}})
	lost := make(map[string]uint64)
	for range 16 + 5 {
		s, err := sub.Receive(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		lost[s.Topic()] += s.Lost()
		s.Release()
	}
	if lost["fast"] != 84 || lost["slow"] != 0 {
		t.Fatalf("lost %v", lost)
	}
	expect("after it took all", map[string]Loss{"fast": {79, 84, 84}, "slow": {0, 5, 84}, "quiet": {0, 0, 84}})
}
