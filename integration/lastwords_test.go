//go:build linux

package integration

import "testing"

// The subscriber has fewer descriptors than there are publishers, and takes nothing before all are dead.
func TestSubscriber_LastWordsOfTheKilled(t *testing.T) {
	const processes, small, large = 60, 5, 3
	dir := newDomain(t)
	sub := start(t, dir, "agent")
	sub.do("join")
	sub.do("sub s t/* lossless")
	sub.do("files 30")
	before := sub.do("figures")
	for i := range processes {
		pub := start(t, dir, "agent")
		pub.do("join")
		pub.do("pub p t/%d", i%7)
		pub.do("send p %d 50", small)
		pub.do("send p %d 20000", large)
		pub.kill()
		sub.do("heard died %d", i+1)
	}
	if a := sub.do("figures"); a.FDs > before.FDs+2 || a.Maps > before.Maps+2 {
		t.Errorf("%d descriptors and %d mappings before, %d and %d while all is kept", before.FDs, before.Maps, a.FDs, a.Maps)
	}
	if a := sub.do("take s %d", processes*(small+large)); a.Lost != 0 || a.Received != processes*(small+large) || a.Topics != 7 {
		t.Errorf("%d received, %d lost, of %d topics", a.Received, a.Lost, a.Topics)
	}
	if a := sub.do("figures"); a.FDs > before.FDs || a.Maps > before.Maps {
		t.Errorf("%d descriptors and %d mappings before, %d and %d after", before.FDs, before.Maps, a.FDs, a.Maps)
	}
	sub.finish()
}
