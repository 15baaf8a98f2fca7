//go:build linux

package registry

import (
	"errors"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// topics returns the topics that were reported as Added and Removed since the last call, sorted.
func (w *watcher) topics() (added, removed []string) {
	for len(w.changes) > 0 {
		switch c := <-w.changes; c.Kind {
		case Added:
			added = append(added, c.Endpoint.Topic)
		case Removed:
			removed = append(removed, c.Endpoint.Topic)
		}
	}
	slices.Sort(added)
	slices.Sort(removed)
	return added, removed
}

func TestInterest_OnlyRequestedReported(t *testing.T) {
	dir := domain(t)
	w, other := still(t, dir, true), still(t, dir, true)
	ask := func(kind Kind, patterns ...string) *Interest {
		t.Helper()
		i, err := w.Watch(kind, patterns...)
		if err != nil {
			t.Fatal(err)
		}
		return i
	}
	told := func(what string, wantAdded, wantRemoved []string) {
		t.Helper()
		if err := w.Sync(); err != nil {
			t.Fatal(err)
		}
		if added, removed := w.topics(); !slices.Equal(added, wantAdded) || !slices.Equal(removed, wantRemoved) {
			t.Errorf("%s: added %q, removed %q, want %q and %q", what, added, removed, wantAdded, wantRemoved)
		}
	}
	named := func(topic string, patterns ...string) Endpoint {
		e := subscription(patterns...)
		e.Topic = topic
		return e
	}
	a := advertise(t, other.Registry, publisher("a"))
	advertise(t, other.Registry, publisher("b"))
	advertise(t, other.Registry, named("a", "a"))
	advertise(t, other.Registry, named("*", "*"))
	advertise(t, other.Registry, named("two", "x", "y"))
	told("nothing asked", nil, nil)
	first := ask(KindPublisher, "a")
	told("a publisher", []string{"a"}, nil)
	again := ask(KindPublisher, "a", "c")
	told("the same again", nil, nil)
	advertise(t, other.Registry, publisher("c"))
	advertise(t, other.Registry, publisher("d"))
	told("another of them", []string{"c"}, nil)
	first.Stop()
	first.Stop()
	a.Withdraw()
	told("one is gone", nil, []string{"a"})
	again.Stop()
	advertise(t, other.Registry, publisher("c"))
	told("nothing asked any more", nil, nil)
	ask(KindPublisher, "c")
	told("asked again", []string{"c"}, nil)
	ask(KindSubscription, "z")
	told("subscriptions that may want it", []string{"*", "two"}, nil)
	ask(KindSubscription, "a")
	told("and of another topic", []string{"a"}, nil)
	ask(KindPublisher, "*")
	told("all publishers", []string{"b", "d"}, nil)
	if _, err := w.Watch(3); err == nil {
		t.Error("a kind that does not exist is followed")
	}
	w.Close()
	if _, err := w.Discover(KindPublisher); !errors.Is(err, os.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// An interest that begins while the loop collects what it waits on ends the wait, unless its bell is among that.
func TestInterest_BeginsWhileTheLoopCollectsWords(t *testing.T) {
	w := still(t, domain(t), true)
	w.interest.mu.Lock() // the loop comes to it in collectWords
	e, collected := new(waitWords), make(chan bool)
	go func() {
		defer close(collected)
		w.collectWords(e)
	}()
	for !isBlockedIn("(*bell).collectWords") {
		time.Sleep(time.Millisecond)
	}
	w.wakeLoop()
	w.interest.mu.Unlock()
	<-collected
	if !w.bell.changed(e) {
		t.Error("the loop would wait without the bell of the interest")
	}
}

// isBlockedIn reports whether a goroutine waits for a lock within a function.
func isBlockedIn(function string) bool {
	stacks := make([]byte, 1<<20)
	for stack := range strings.SplitSeq(string(stacks[:runtime.Stack(stacks, true)]), "\n\n") {
		if state, _, _ := strings.Cut(stack, "\n"); strings.Contains(state, "sync.Mutex.Lock") && strings.Contains(stack, function) {
			return true
		}
	}
	return false
}

// The bell wakes the participants that watch the topic, and not those that watch others.
func TestBell_WakesWatchersOfTopic(t *testing.T) {
	dir := domain(t)
	other := watch(t, dir)
	for _, tc := range []struct {
		patterns []string
		wakes    bool
	}{{[]string{"a"}, true}, {[]string{"x", "a"}, true}, {[]string{"**"}, true}, {[]string{"b"}, false}, {nil, true}} {
		w := still(t, dir, true)
		i, err := w.Watch(KindPublisher, tc.patterns...)
		if err != nil {
			t.Fatal(err)
		}
		for _, ended := range []bool{false, true} {
			e := new(waitWords)
			w.bell.collectWords(e, w.ID(), w.interest)
			advertise(t, other.Registry, publisher("a")).Withdraw()
			if got, want := w.bell.changed(e), tc.wakes && !ended; got != want {
				t.Errorf("following %q, ended %v: the bell rang: %v", tc.patterns, ended, got)
			}
			i.Stop()
		}
	}
}
