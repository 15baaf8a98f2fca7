package watch

import (
	"fmt"
	"os"
	"testing"

	"github.com/shmbus/shmbus/topic"
)

// BenchmarkDomain_Snapshot observes 1,000 topics, each with a subscription that takes nothing, which is the most work: its backlog is read.
func BenchmarkDomain_Snapshot(b *testing.B) {
	dir, err := os.MkdirTemp("/dev/shm", "shmbus-bench-")
	if err != nil {
		b.Fatal(err)
	}
	defer os.RemoveAll(dir)
	join := func(unit string) *topic.Participant {
		p, err := topic.Join(&topic.Options{Dir: dir, Unit: unit})
		if err != nil {
			b.Fatal(err)
		}
		return p
	}
	pubs, subs := join("pubs"), join("subs")
	defer pubs.Close()
	defer subs.Close()
	for i := range 1000 {
		name := fmt.Sprint("t/", i)
		pub, err := topic.NewPublisher[int](b.Context(), pubs, name, nil)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := topic.NewSubscriber[int](b.Context(), subs, name, nil); err != nil {
			b.Fatal(err)
		}
		if _, err := pub.Publish(b.Context(), i); err != nil {
			b.Fatal(err)
		}
	}
	d, err := Open(pubs.Dir())
	if err != nil {
		b.Fatal(err)
	}
	defer d.Close()
	tracker := NewTracker(nil)
	for name, observe := range map[string]func(s *Snapshot){"without backlogs": func(*Snapshot) {}, "with backlogs": func(s *Snapshot) {
		s.Backlogs = d.backlogs.read(s.Participants, s.Stats)
	}} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				participants, err := d.observer.Snapshot()
				if err != nil {
					b.Fatal(err)
				}
				s := Snapshot{At: d.clock.Now(), Participants: participants, Stats: d.observer.Stats()}
				observe(&s)
				tracker.Add(s)
			}
		})
	}
}
