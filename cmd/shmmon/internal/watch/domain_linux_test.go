package watch

import (
	"context"
	"os"
	"testing"

	"github.com/shmbus/shmbus/topic"
)

// A real domain tells what a subscription that takes nothing lags and loses, and what files and processes use.
func TestDomain_HungSubscription(t *testing.T) {
	dir, err := os.MkdirTemp("/dev/shm", "shmbus-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	ctx := context.Background()
	p, err := topic.Join(&topic.Options{Dir: dir, Unit: "both"})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	pub, err := topic.NewPublisher(ctx, p, "x", &topic.PublisherOptions[[]byte]{Depth: 16})
	if err != nil {
		t.Fatal(err)
	}
	never, err := topic.NewSubscriber(ctx, p, "x", &topic.SubscriberOptions[[]byte]{})
	if err != nil {
		t.Fatal(err)
	}
	hung, err := topic.NewSubscriber(ctx, p, "x", &topic.SubscriberOptions[[]byte]{})
	if err != nil {
		t.Fatal(err)
	}
	publish := func(n int) {
		for range n {
			if _, err := pub.Publish(ctx, make([]byte, 1000)); err != nil {
				t.Fatal(err)
			}
		}
	}
	publish(5)
	for range 3 {
		s, err := hung.Receive(ctx)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Release()
	}
	publish(38)
	d, err := Open(dir + "/default")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	one, err := d.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	tr := NewTracker(nil)
	v := tr.Add(one)
	x := find(t, v, "x")
	if len(x.Subscribers) != 2 {
		t.Fatalf("%+v", x.Subscribers)
	}
	lost := make(map[uint64]uint64) // by the samples held
	for _, c := range tr.Connections(v, d.Inspect(one.Participants, WantConnections)) {
		lost[c.Held] = c.Lost.Most
		if !c.Lost.Known() {
			t.Errorf("lost %+v", c.Lost)
		}
		if c.State != Connected || c.Lag != 16 || !c.Counted {
			t.Errorf("%s %q, lag %d, held %d", c.State, c.Reason, c.Lag, c.Held)
		}
	}
	if len(lost) != 2 || lost[3] != 40-16 || lost[0] != 43-16 {
		t.Errorf("lost %v", lost)
	}
	inspection := d.Inspect(one.Participants, WantProcesses|WantMemory)
	segment := inspection.Segments[x.Publishers[0].Endpoint.ID]
	if !inspection.SpaceOK || segment.File < 16*1000 || segment.Slots < 16 || segment.Places != 2 || !segment.Inspected {
		t.Errorf("%+v, %+v", inspection, segment)
	}
	if u := inspection.Processes[one.Participants[0].ID]; u.Resident < 1<<20 || u.CPU < 0 {
		t.Errorf("%+v", u)
	}
	if n := inspection.Files[one.Participants[0].ID]; n < 4096 {
		t.Errorf("%d bytes of other files", n)
	}
	if less := d.Inspect(one.Participants, 0); less.Processes != nil || less.Segments != nil || !less.SpaceOK {
		t.Errorf("what was not asked for: %+v", less)
	}
	if err := never.Close(); err != nil {
		t.Fatal(err)
	}
	if links := d.Inspect(one.Participants, WantConnections).Links; len(links) != 1 {
		t.Errorf("%v", links)
	}
}
