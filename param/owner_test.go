package param

import (
	"testing"

	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/topic"
)

// A client may hear a server that is made again before the end of the one before, and that one's last sample even later.
func TestClient_ServerMadeAgainIsHeardFirst(t *testing.T) {
	c := &Client{owners: ownersOf(), changed: make(chan struct{})}
	const id registry.ID = 1
	before, again := topic.PublisherID{Participant: id, Number: 3}, topic.PublisherID{Participant: id, Number: 9}
	store := func(revision uint64, from topic.PublisherID) {
		c.store(Info{Name: "x", Owner: registry.Participant{ID: id}, Revision: revision}, from)
	}
	store(7, before)
	store(1, again)
	store(8, before)
	c.ended(before)
	o := c.owners[id]
	if o == nil || o.parameters["x"].Revision != 1 {
		t.Fatalf("%+v", o)
	}
	store(2, again)
	if o.parameters["x"].Revision != 2 {
		t.Errorf("%+v", o.parameters)
	}
	if c.ended(again); len(c.owners) != 0 {
		t.Errorf("%d owners", len(c.owners))
	}
}
