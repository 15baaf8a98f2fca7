//go:build linux

package registry

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/shmbus/shmbus/internal/mem"
)

// Every participant may write the registry file. Random words in it cause no false report, and no change stays unreported.
func TestHints_RandomRegistryFile(t *testing.T) {
	dir := domain(t)
	a, b := watch(t, dir), watch(t, dir)
	stop := make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		words := mem.Uint32s(a.bell.mapping.Bytes(), offBell, (registrySize-offBell)/4)
		for {
			select {
			case <-stop:
				return
			default:
				words[rand.N(len(words))].Store(rand.Uint32N(3) * rand.Uint32())
			}
		}
	})
	for range 10 {
		r, err := Join(Options{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 5 {
			advertise(t, r, publisher(fmt.Sprint(i)))
		}
		b.expect(r.ID(), Joined, Added, Added, Added, Added, Added)
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		b.expect(r.ID(), Removed, Removed, Removed, Removed, Removed, Left)
	}
	close(stop)
	group.Wait()
}

// Participants without hints are found: those that were killed after their file got its name, or whose hints were lost.
func TestHints_MissingFoundByScan(t *testing.T) {
	dir := domain(t)
	w := still(t, dir, false)
	var all []*forger
	for range 2*examinedPerScan + 1 {
		all = append(all, forge(t, dir, nil))
	}
	// All but one join without a ring. On average one participant lists the directory in each period.
	scans := 0
	for ; len(w.peers) <= len(all) && scans < 100_000; scans++ {
		w.scanNow(regular)
	}
	for _, f := range all {
		w.expect(f.id, Joined)
		f.advertise(publisher("unheard"))
	}
	for range 4 { // each scan examines `examinedPerScan` of them, this participant included
		w.scanNow(regular)
	}
	for _, f := range all {
		w.expect(f.id, Added)
	}
}

// A participant that finds another without a hint announces it to the rest.
func TestHints_FindIsAnnounced(t *testing.T) {
	dir := domain(t)
	finder, other := still(t, dir, false), still(t, dir, false)
	finder.scanNow(hinted)
	other.scanNow(hinted)
	f := forge(t, dir, nil)
	finder.scanNow(regular)
	finder.expect(f.id, Joined)
	listed := other.listing.began
	other.scanNow(hinted)
	other.expect(f.id, Joined)
	if other.listing.began != listed {
		t.Error("the other participant had to list the directory")
	}
}

// A wrong index hides records of its owner, and has no other effect.
func TestPeerIndex_FalseEntries(t *testing.T) {
	dir := domain(t)
	for name, lie := range map[string]func(f *forger){
		"another generation": func(f *forger) { f.index(1).Add(1 << stateBits) },
		"another kind":       func(f *forger) { f.index(1).Store(indexed(uint32(KindSubscription), 2)) },
		"no kind there is":   func(f *forger) { f.index(1).Store(indexed(255, 2)) },
		"nothing":            func(f *forger) { f.index(1).Store(0) },
		"a page without a record": func(f *forger) {
			f.index(1).Store(0)
			f.index(2).Store(indexed(uint32(KindPublisher), 1))
			f.word32(offPages).Store(3)
		},
		"all pages there can be": func(f *forger) {
			f.index(1).Store(0)
			for i := 2; i < MaxEndpoints; i++ {
				f.index(i).Store(^uint64(0))
			}
			f.word32(offPages).Store(MaxEndpoints)
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := forge(t, dir, nil)
			defer f.die()
			f.advertise(publisher("honest"))
			f.advertise(publisher("liar"))
			if err := f.file.Reserve(0, fileSize); err != nil {
				t.Fatal(err)
			}
			lie(f)
			p, _ := readAll(dir, f.id)
			if all := p.endpoints(); len(all) != 1 || all[0].Topic != "honest" {
				t.Errorf("believed is %+v", all)
			}
			if p.torn {
				t.Error("it would be read again and again")
			}
		})
	}
}

// A wrong key in the index hides the record from a participant that wants it, or makes one read it that does not want it and
// finds that out from the record.
func TestPeerIndex_FalseKey(t *testing.T) {
	dir := domain(t)
	f := forge(t, dir, nil)
	page := f.advertise(publisher("truth"))
	mem.Uint64(f.b, indexOffset(page)+offIndexKey).Store(keyOf("lie"))
	w := still(t, dir, true)
	for _, topic := range []string{"truth", "lie"} {
		if _, err := w.Watch(KindPublisher, topic); err != nil {
			t.Fatal(err)
		}
	}
	if added, _ := w.topics(); len(added) != 1 || added[0] != "truth" {
		t.Errorf("told of %q", added)
	}
}

func TestHints_CountJoinsAndLeaves(t *testing.T) {
	var h hints
	for _, step := range []struct {
		moved, found int
		missed       bool
	}{{1, 1, false}, {0, 1, false}, {1, 0, false}, {1, 0, true}, {3, 2, true}, {2, 4, false}, {0, 0, false}, {2, 0, false}, {1, 0, true}} {
		if got := h.missed(changesSeen{moved: step.moved}, step.found); got != step.missed {
			t.Errorf("%d rang and %d were found: missed %v", step.moved, step.found, got)
		}
	}
}

func TestKeyOf_Values(t *testing.T) {
	for topic, want := range map[string]uint64{"": 0xcbf29ce484222325, "a": 0xaf63dc4c8601ec8c, "foobar": 0x85944171f73967e8} {
		if got := keyOf(topic); got != want {
			t.Errorf("the key of %q is %#x, want %#x", topic, got, want)
		}
	}
}
