package topic

import (
	"context"
	"fmt"
	"testing"

	"github.com/shmbus/shmbus/registry"
)

func TestEvents_PresentStateFirst(t *testing.T) {
	o := domain(t)
	a, b := join(t, o), join(t, o)
	for i := range 5 {
		publisher[string](t, a, fmt.Sprint("a/", i), nil)
		subscriber[string](t, b, fmt.Sprint("b/", i), nil)
	}
	if err := b.reg.Sync(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	joined := map[registry.ID]bool{}
	var last Stamp
	n := 0
	for e := range b.Events(ctx) {
		id := e.Participant.ID
		switch {
		case e.Kind == Joined && !joined[id]:
			joined[id] = true
		case e.Kind == Added && joined[id] && e.Endpoint.Since >= last:
			last = e.Endpoint.Since
			if n++; n == 10 {
				cancel()
			}
		default:
			t.Fatalf("%v of %v after %d endpoints", e.Kind, e.Participant.Unit, n)
		}
	}
	if n != 10 || len(joined) != 2 {
		t.Errorf("%d endpoints of %d participants", n, len(joined))
	}
}

func TestEvents_SlowListenerGetsDropCount(t *testing.T) {
	p := join(t, domain(t))
	const extra = 7
	n := 0
	for e := range p.Events(t.Context()) {
		switch {
		case e.Kind == EventsDropped:
			if n != eventBacklog || e.Err == nil || e.Err.Error()[:2] != fmt.Sprint(extra, " ")[:2] {
				t.Errorf("after %d events: %v", n, e.Err)
			}
			return
		case e.Kind == Unavailable:
			n++
		case n == 0 && e.Kind == Joined:
			p.mu.Lock()
			for range eventBacklog + extra {
				p.emit(Event{Kind: Unavailable})
			}
			p.mu.Unlock()
		}
	}
}

func TestEvents_ConcurrentListeners(t *testing.T) {
	o := domain(t)
	a, b := join(t, o), join(t, o)
	for range 50 {
		for range b.Events(t.Context()) {
			break
		}
		publisher[string](t, a, "x", nil).Close()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.listeners) != 0 {
		t.Errorf("%d listeners are still listened for", len(b.listeners))
	}
}

func TestEvents_AddedComesFirst(t *testing.T) {
	o := domain(t)
	a, b := join(t, o), join(t, o)
	subscriber[string](t, a, "x", nil)
	ofA, ofB := listen(t, a), listen(t, b)
	publisher[pose](t, b, "x", nil)
	for side, h := range map[string]*hearing{"the subscriber's": ofA, "the publisher's": ofB} {
		h.until("the mismatch", isMismatch)
		added := map[registry.EndpointID]bool{}
		early := h.count(func(e Event) bool {
			if e.Kind == Added {
				added[e.Endpoint.ID] = true
			}
			return isMismatch(e) && !added[e.Endpoint.ID]
		})
		if early != 0 {
			t.Errorf("%s side hears of a mismatch with a participant it has not heard of", side)
		}
	}
}
