package group

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/topic"
)

// A member that comes late has what the others have not acknowledged, as far as it is in the ring.
func TestJoin_TakesOver(t *testing.T) {
	o := domain(t)
	pub := publisher(t, o, 16)
	publish(t, pub, -2, -1)
	a := member(t, o, workers, &Options[int]{MaxOutstanding: 3})
	publish(t, pub, 1, 2, 3, 4)
	receive(t, a, 1, false)
	ack(t, receive(t, a, 2, false))
	b := member(t, o, workers, &Options[int]{MaxOutstanding: 2})
	receive(t, b, 3, false)
	a.Close()
	c := member(t, o, workers, nil) // learns from b alone what a acknowledged
	ack(t, receive(t, c, 1, true))
	ack(t, receive(t, c, 4, false))
	nothing(t, c)
	b.Close()
	ack(t, receive(t, c, 3, true))
	nothing(t, c)
}

func TestJoin_WaitsForEveryMember(t *testing.T) {
	o := domain(t)
	a := member(t, o, workers, nil)
	a.mu.Lock() // as if its process were stopped
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := Join[int](ctx, participant(t, o), jobs, workers, nil)
	a.mu.Unlock()
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	publish(t, publisher(t, o, 2), 1)
	ack(t, receive(t, a, 1, false))
	ack(t, func() Delivery[int] {
		b := member(t, o, workers, nil)
		publish(t, publisher(t, o, 2), 2)
		return receive(t, b, 2, false)
	}())
}

func TestJoin_BadInput(t *testing.T) {
	o := domain(t)
	p := participant(t, o)
	long := strings.Repeat("x", 200)
	for _, c := range []struct {
		topic, group string
		opts         Options[int]
		named        bool
	}{
		{"", "a", Options[int]{}, true}, {"x/*", "a", Options[int]{}, true}, {"$x", "a", Options[int]{}, true}, {"/x", "a", Options[int]{}, true},
		{"x", "", Options[int]{}, true}, {"x", "a/b", Options[int]{}, true}, {"x", "*", Options[int]{}, true}, {long, long, Options[int]{}, true},
		{"x", "a", Options[int]{MaxOutstanding: -1}, false}, {"x", "a", Options[int]{MaxPending: 961}, false}, {"x", "a", Options[int]{MaxPending: -1}, false},
		{"x", "a", Options[int]{MaxOutstanding: 3, MaxPending: 2}, false}, {"x", "a", Options[int]{LosslessTimeout: -1}, false},
		{"x", "a", Options[int]{MaxPendingBytes: -1}, false}, {"x", "a", Options[int]{MaxOutstanding: 961}, false},
	} {
		_, err := Join(t.Context(), p, c.topic, c.group, &c.opts)
		name := new(topic.NameError)
		if err == nil || errors.As(err, &name) != c.named || c.named && name.Name != c.topic && name.Name != c.group {
			t.Errorf("%q, %q, %+v: %v", c.topic, c.group, c.opts, err)
		}
	}
	m, err := Join[int](t.Context(), p, strings.Repeat("x", MaxName-1), "a", nil)
	if err != nil {
		t.Fatal(err)
	}
	m.Close()
}

// A place of a member whose accounts cannot be read makes others wait. Once it is free, they are noticed anew.
func TestJoin_MemberThatLeavesUnread(t *testing.T) {
	o := domain(t)
	member(t, o, workers, nil)
	p := participant(t, o)
	places, err := registry.OpenPlaces(p.Dir())
	if err != nil {
		t.Fatal(err)
	}
	defer places.Close()
	place := placesOf(jobs, workers) + 1
	if ok, err := places.TryLock(place); !ok || err != nil {
		t.Fatal(ok, err)
	}
	joined := make(chan *Member[int])
	go func() {
		m, err := Join[int](t.Context(), p, jobs, workers, nil)
		if err != nil {
			t.Error(err)
		}
		joined <- m
	}()
	numbers := map[uint64]bool{}
	observer, err := registry.OpenPlaces(p.Dir())
	if err != nil {
		t.Fatal(err)
	}
	defer observer.Close()
	count := func() int {
		locked, err := observer.Locked(place-1, place-1+1<<memberBits, maxMembers)
		if err != nil {
			t.Error(err)
		}
		for _, at := range locked {
			numbers[uint64(at)] = true
		}
		return len(locked)
	}
	eventually(t, "three places locked", func() bool { return count() == 3 })
	time.Sleep(10 * pollInterval)
	select {
	case <-joined:
		t.Fatal("joined beside a member that it cannot know")
	default:
	}
	places.Unlock(place)
	m := <-joined
	defer m.Close()
	if count(); len(numbers) != 4 {
		t.Errorf("it joined with the number that others noticed before: %v", numbers)
	}
}

// A policy names the users that may be members, by the topics of the group.
func TestJoin_Policy(t *testing.T) {
	o := domain(t)
	p := participant(t, o)
	dir := p.Dir()
	rule := fmt.Sprintf("publish $group/%s/%s/** user:%d\n", jobs, workers, os.Getuid()+1)
	if err := os.WriteFile(filepath.Join(dir, "policy"), []byte(rule), 0o644); err != nil {
		t.Fatal(err)
	}
	p = participant(t, o) // reads the policy
	if _, err := Join[int](t.Context(), p, jobs, workers, nil); !errors.As(err, new(*topic.ForbiddenError)) {
		t.Error(err)
	}
	m, err := Join[int](t.Context(), p, jobs, "others", nil)
	if err != nil {
		t.Fatal(err)
	}
	m.Close()
}
