//go:build linux

package registry

import (
	"os"
	"testing"
)

// A participant without an endpoint that another one wants does not wake the other one, is not reported there, and costs it few
// reads, however it comes and goes.
func TestRegistry_UnrelatedParticipants(t *testing.T) {
	dir := domain(t)
	w := still(t, dir, true)
	if _, err := w.Watch(KindPublisher, "wanted"); err != nil {
		t.Fatal(err)
	}
	w.scanNow(hinted)
	for len(w.changes) > 0 {
		<-w.changes
	}
	listed := w.listing.began
	e := new(waitWords)
	w.bell.collectWords(e, w.ID(), w.interest)
	come := func() *watcher {
		other := apart(t, dir, true, w)
		advertise(t, other.Registry, publisher("other")) // its bell is not that of "wanted"
		return other
	}

	come().Close()
	if n := reads(t, func() { w.scanNow(hinted) }); n != 0 {
		t.Errorf("%d reads for one that left before the scan", n)
	}
	other := come()
	if n := reads(t, func() { w.scanNow(hinted) }); n > 5 {
		t.Errorf("%d reads for one that stays", n)
	}
	other.Close()
	if n := reads(t, func() { w.scanNow(hinted) }); n > 5 {
		t.Errorf("%d reads for one that left", n)
	}
	if w.bell.changed(e) {
		t.Error("it was woken")
	}
	if w.listing.began != listed {
		t.Error("the directory was listed")
	}
	if len(w.peers) != 1 || len(w.changes) != 0 {
		t.Errorf("%d participants are known, and %d changes were told", len(w.peers), len(w.changes))
	}
}

// The reports about a participant begin when it has an endpoint that is wanted. The wait for its end begins then too.
func TestRegistry_ParticipantBecomesRelated(t *testing.T) {
	for name, follow := range map[string]func(*watcher) (*Interest, error){
		"an endpoint": func(w *watcher) (*Interest, error) { return w.Watch(KindPublisher, "member/topic") },
		"members":     func(w *watcher) (*Interest, error) { return w.WatchParticipants() },
	} {
		t.Run(name, func(t *testing.T) {
			dir := domain(t)
			w := still(t, dir, true)
			other := startProcess(t, dir)
			w.scanNow(hinted)
			if k := w.peers[other.id]; k == nil || k.exit != nil {
				t.Fatalf("before it is wanted it is known as %+v", k)
			}
			if _, err := follow(w); err != nil {
				t.Fatal(err)
			}
			w.expect(other.id, Joined)
			if name == "an endpoint" {
				w.expect(other.id, Added)
			}
			exit := w.peers[other.id].exit
			if exit == nil {
				t.Fatal("its end is not waited for")
			}
			other.kill()
			if err := other.cmd.Wait(); err == nil {
				t.Error("it was not killed")
			}
			for w.peers[other.id] != nil {
				w.scanNow(regular)
			}
			if name == "an endpoint" {
				w.expect(other.id, Removed)
			}
			w.expect(other.id, Died)
		})
	}
}

// Periodic scans find dead participants without a wanted endpoint, in a domain of any size, and remove their files.
func TestRegistry_UnrelatedDeath(t *testing.T) {
	dir := domain(t)
	w := still(t, dir, true)
	var all []*forger
	for range examinedPerScan + 8 {
		all = append(all, forge(t, dir, nil))
	}
	w.mustRefresh()
	for _, f := range all {
		f.die()
	}
	for range 1 + len(all)/examinedPerScan {
		w.scanNow(regular)
	}
	if len(w.peers) != 1 {
		t.Fatalf("%d participants are known", len(w.peers))
	}
	for len(w.dead) > 0 { // the moment of removal is random, within milliseconds
		w.scanNow(hinted)
	}
	for _, f := range all {
		if _, err := os.Lstat(f.path()); err == nil {
			t.Errorf("%s is still there", f.path())
		}
	}
	for len(w.changes) > 0 {
		if c := <-w.changes; c.Participant.ID != w.ID() {
			t.Errorf("%v was told of %v", c.Kind, c.Participant.ID)
		}
	}
}
