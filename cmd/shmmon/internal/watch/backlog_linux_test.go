package watch

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/topic"
)

// A subscription that takes nothing updates no figure. Its lag and losses are those that it finds itself with the next take.
func TestDomain_BacklogOfSubscriptionThatTakesNothing(t *testing.T) {
	for name, lossless := range map[string]bool{"keep-last": false, "lossless": true} {
		t.Run(name, func(t *testing.T) {
			p := joinTestDomain(t)
			sub, err := topic.NewSubscriber[int](t.Context(), p, "x", &topic.SubscriberOptions[int]{Lossless: lossless})
			if err != nil {
				t.Fatal(err)
			}
			pub, err := topic.NewPublisher[int](t.Context(), p, "x", &topic.PublisherOptions[int]{Depth: 16})
			if err != nil {
				t.Fatal(err)
			}
			domain, err := Open(p.Dir())
			if err != nil {
				t.Fatal(err)
			}
			defer domain.Close()
			tracker := NewTracker(nil)
			subscriber := func() Subscriber {
				t.Helper()
				s, err := domain.Snapshot()
				if err != nil {
					t.Fatal(err)
				}
				return find(t, tracker.Add(s), "x").Subscribers[0]
			}
			publish := func(n int) {
				t.Helper()
				for i := range n {
					if _, err := pub.Publish(t.Context(), i); err != nil {
						t.Fatal(err)
					}
				}
			}
			publish(10)
			if s := subscriber(); s.Stats.Lag != 10 || s.Stats.Lost != 0 {
				t.Errorf("after 10 messages: lag %d, lost %d", s.Stats.Lag, s.Stats.Lost)
			}
			if !lossless { // otherwise the publisher waits
				publish(90)
				if s := subscriber(); s.Stats.Lag != 16 || s.Stats.Lost != 84 {
					t.Errorf("after 100 messages in a ring of 16: lag %d, lost %d", s.Stats.Lag, s.Stats.Lost)
				}
			}
			before := subscriber().Stats
			for range before.Lag {
				s, err := sub.Receive(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				s.Release()
			}
			own := sub.Stats()
			if own.Lost != before.Lost {
				t.Errorf("the view said %d lost, the subscription finds %d", before.Lost, own.Lost)
			}
			if s := subscriber(); s.Stats.Lag != 0 || s.Stats.Lost != own.Lost {
				t.Errorf("after all is taken: lag %d, lost %d", s.Stats.Lag, s.Stats.Lost)
			}
		})
	}
}

// A subscription whose process is stopped has its backlog also when the publisher has died and its file is removed.
func TestBacklog_OfAStoppedProcessAfterTheEndOfItsPublisher(t *testing.T) {
	for _, state := range []registry.ProcessState{registry.StateStopped, registry.StateRunning} {
		p := joinTestDomain(t)
		if _, err := topic.NewSubscriber[int](t.Context(), p, "x", nil); err != nil {
			t.Fatal(err)
		}
		pub, err := topic.NewPublisher[int](t.Context(), p, "x", &topic.PublisherOptions[int]{Depth: 16})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 100 {
			if _, err := pub.Publish(t.Context(), i); err != nil {
				t.Fatal(err)
			}
		}
		domain, err := Open(p.Dir())
		if err != nil {
			t.Fatal(err)
		}
		defer domain.Close()
		s, err := domain.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		read := func(when string, want Backlog) {
			t.Helper()
			for _, b := range domain.backlogs.read(s.Participants, s.Stats) {
				if b != want {
					t.Errorf("%v: %s %+v, want %+v", state, when, b, want)
				}
				want = Backlog{}
			}
			if want != (Backlog{}) {
				t.Errorf("%v: %s no backlog", state, when)
			}
		}
		read("beside the publisher", Backlog{16, 84})
		s.Participants[0].State, s.Stats.Publishers = state, nil
		files, err := filepath.Glob(filepath.Join(p.Dir(), "*."+registry.SuffixPublisher+"*"))
		if err != nil || len(files) != 1 || os.Remove(files[0]) != nil {
			t.Fatal(files, err)
		}
		left := Backlog{}
		if state == registry.StateStopped {
			left = Backlog{16, 84}
		}
		for range 2 {
			read("after its end", left)
		}
	}
}

// What Latest passes over is not lost.
func TestDomain_BacklogOfNewestOnly(t *testing.T) {
	p := joinTestDomain(t)
	sub, err := topic.NewSubscriber[int](t.Context(), p, "x", nil)
	if err != nil {
		t.Fatal(err)
	}
	pub, err := topic.NewPublisher[int](t.Context(), p, "x", &topic.PublisherOptions[int]{Depth: 16})
	if err != nil {
		t.Fatal(err)
	}
	domain, err := Open(p.Dir())
	if err != nil {
		t.Fatal(err)
	}
	defer domain.Close()
	for round := range 2 {
		for i := range 100 {
			if _, err := pub.Publish(t.Context(), i); err != nil {
				t.Fatal(err)
			}
		}
		if round == 1 {
			break
		}
		s, ok, err := sub.Latest()
		if err != nil || !ok {
			t.Fatal(ok, err)
		}
		s.Release()
	}
	s, err := domain.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	if got := find(t, NewTracker(nil).Add(s), "x").Subscribers[0].Stats; got.Lost != 0 {
		t.Errorf("lost %d: %+v", got.Lost, s.Backlogs)
	}
	if s.Space.Size == 0 || !s.Space.Tmpfs {
		t.Errorf("space %+v", s.Space)
	}
}

// joinTestDomain joins a domain of the test's own.
func joinTestDomain(t *testing.T) *topic.Participant {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "shmbus-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	p, err := topic.Join(&topic.Options{Dir: dir, Unit: "watched"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// The links of a subscription that hangs are read once, and again when its publishers change.
func TestDomain_BacklogAfterRestartOfPublisher(t *testing.T) {
	p := joinTestDomain(t)
	if _, err := topic.NewSubscriber[int](t.Context(), p, "x", nil); err != nil {
		t.Fatal(err)
	}
	domain, err := Open(p.Dir())
	if err != nil {
		t.Fatal(err)
	}
	defer domain.Close()
	tracker := NewTracker(nil)
	var lag []uint64
	for restart := range 3 {
		pub, err := topic.NewPublisher[int](t.Context(), p, "x", &topic.PublisherOptions[int]{Depth: 64})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			for i := range restart + 1 {
				if _, err := pub.Publish(t.Context(), i); err != nil {
					t.Fatal(err)
				}
			}
			s, err := domain.Snapshot()
			if err != nil {
				t.Fatal(err)
			}
			lag = append(lag, find(t, tracker.Add(s), "x").Subscribers[0].Stats.Lag)
		}
		if err := pub.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if want := []uint64{1, 2, 2, 4, 3, 6}; !slices.Equal(lag, want) {
		t.Errorf("lag %v, want %v", lag, want)
	}
}
