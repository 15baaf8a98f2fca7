package watch

import (
	"strings"
	"testing"

	"github.com/shmbus/shmbus/registry"
)

func link(publisher, subscription registry.Endpoint, next, held uint64) Link {
	return Link{Publisher: publisher.ID, Subscription: subscription.ID, Next: next, Held: held}
}

func TestLink_LagOfImpossibleCursors(t *testing.T) {
	for _, c := range []struct{ next, messages, want uint64 }{
		{0, 100, 0}, {101, 100, 0}, {500, 100, 0}, {100, 100, 1}, {1, 16, 16}, {1, 100, 16}, {1, 1 << 63, 0}, {disconnected, 5, 0},
	} {
		if got := (&Link{Next: c.next}).lag(c.messages, 16); got != c.want {
			t.Errorf("%+v: %d", c, got)
		}
	}
}

func TestConnections_States(t *testing.T) {
	fit, other, apart, early := subscription(2, "x"), subscription(0, "x"), subscription(0, "x"), subscription(0, "x")
	fit.received.Publishers, fit.received.Held = 1, 5
	other.AnyType, other.TypeName, other.Encoding = false, "pkg.Other", "msgpack"
	fit.Lossless = true
	a := member(1, "a", publisher("x", 50, second))
	b := member(2, "b", fit, other, apart, early)
	stopped := member(3, "c", subscription(0, "x"))
	stopped.State = registry.StateStopped
	one := snapshot(2*second, a, b, stopped)
	pub := a.Endpoints[0]
	links := []Link{link(pub, b.Endpoints[0], 48, 1), link(pub, b.Endpoints[3], 0, 0), link(pub, stopped.Endpoints[0], 51, 0)}
	tr := NewTracker(nil)
	all := tr.Connections(tr.Add(one), Inspection{Links: links})
	want := map[uint32]ConnectionState{1: Connected, 2: Refused, 3: Apart, 4: Apart}
	if len(all) != 5 {
		t.Fatalf("%d connections", len(all))
	}
	for _, c := range all {
		state := want[c.Subscriber.Endpoint.ID.Number]
		if c.Subscriber.Owner.Unit == "c" {
			state = Halted
		}
		if c.State != state || (c.State == Connected) != (c.Reason == "") {
			t.Errorf("%v: %s %q, want %s", c.Subscriber.Endpoint.ID, c.State, c.Reason, state)
		}
		if c.State == Connected && (c.Lag != 3 || c.Held != 5 || c.Lost != (Loss{2, 2, 2}) || !c.Counted || c.Shared || c.Policy() != "lossless") {
			t.Errorf("%+v", c)
		}
		if c.State == Refused && !strings.Contains(c.Reason, "pkg.Other") {
			t.Errorf("refused: %q", c.Reason)
		}
	}
}

// Of a subscription with several publishers the figures that it has only in sum are told from those of a connection.
func TestConnections_OfAPattern(t *testing.T) {
	s := subscription(7, "*")
	s.received.Publishers, s.received.Held = 2, 9
	a, b := member(1, "a", publisher("x", 50, second), publisher("y", 80, second)), member(2, "b", s)
	one := snapshot(2*second, a, b)
	links := []Link{link(a.Endpoints[0], b.Endpoints[0], 48, 1), link(a.Endpoints[1], b.Endpoints[0], 71, 4)}
	tr := NewTracker(nil)
	all := tr.Connections(tr.Add(one), Inspection{Links: links})
	if len(all) != 2 || all[0].Lag != 3 || all[1].Lag != 10 || all[0].Held != 1 || all[1].Held != 4 || !all[0].Shared || all[0].Lost != (Loss{0, 7, 7}) {
		t.Errorf("%+v", all)
	}
}
