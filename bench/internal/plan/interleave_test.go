package plan

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shmbus/shmbus/bench/internal/figures"
	"github.com/shmbus/shmbus/bench/internal/proc"
)

// A log records the order of the runners.
type log struct{ order []string }

func (s *log) runner(name string) Runner {
	return Runner{Name: name, Run: func(context.Context) (figures.Figures, error) {
		s.order = append(s.order, name)
		return figures.Figures{figures.P50: 1}, nil
	}}
}

func (s *log) workload(peers ...string) Workload {
	w := Workload{Key: "w", Ours: []Runner{s.runner("us"), s.runner("us too")}}
	for _, p := range peers {
		w.Peers = append(w.Peers, Peer{Key: p, Runner: s.runner(p)})
	}
	return w
}

func silent(string) {}

func nearby(context.Context) (Probed, error) { return Probed{Spin: 60, Undisturbed: 1}, nil }

func TestInterleave_EveryPeerIsNextToUs(t *testing.T) {
	s := &log{}
	r, err := Interleave(t.Context(), []Workload{s.workload("a", "b", "c")}, 2, nearby, silent)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"a", "us", "us too", "b", "c", "us", "us too", "b", "us too", "us", "a", "us too", "us", "c"}
	if !slices.Equal(s.order, want) {
		t.Errorf("got %q, want %q", s.order, want)
	}
	if n := len(r[Key{"w", "us"}].Turns); n != 4 {
		t.Errorf("we had %d turns, not 4", n)
	}
	if turns := r[Key{"w", "c"}].Turns; len(turns) != 2 || turns[1].Round != 1 || turns[1].Group != 1 {
		t.Errorf("c had %+v", turns)
	}
}

func TestInterleave_FailedPeerRunsOnce(t *testing.T) {
	s := &log{}
	w := s.workload("good", "bad")
	calls := 0
	w.Peers[1].Run = func(context.Context) (figures.Figures, error) { calls++; return nil, errors.New("no such luck") }
	r, err := Interleave(t.Context(), []Workload{w}, 3, nearby, silent)
	if err != nil || calls != 1 || len(r[Key{"w", "good"}].Turns) != 3 {
		t.Errorf("got %v, %d calls, %+v", err, calls, r[Key{"w", "good"}])
	}
	if got := r[Key{"w", "bad"}].Err; got == nil || !strings.Contains(got.Error(), "no such luck") {
		t.Errorf("got %v", got)
	}
}

func TestInterleave_LatePeerRunsAgain(t *testing.T) {
	for name, late := range map[string]int{"once": 1, "always": 2} {
		s := &log{}
		w, calls := s.workload("peer"), 0
		w.Peers[0].Run = func(ctx context.Context) (figures.Figures, error) {
			if calls++; calls <= late {
				<-ctx.Done()
				return nil, errors.New("not done in time")
			}
			return figures.Figures{figures.P50: 1}, nil
		}
		results := Results{}
		for round := range 2 {
			results.turn(t.Context(), time.Nanosecond, Key{"w", "peer"}, w.Peers[0].Runner, Turn{Round: round}, silent)
		}
		results.end()
		got := results[Key{"w", "peer"}]
		if calls != 2 || len(got.Turns) != 2-late || (got.Err != nil) != (late == 2) {
			t.Errorf("late %s: %d calls, %+v", name, calls, got)
		}
	}
}

func TestInterleave_MissingPeer(t *testing.T) {
	s := &log{}
	w := s.workload("gone")
	w.Peers[0].Installed = func(context.Context) error { return &proc.MissingError{What: "gone", Package: "gone-tools"} }
	r, err := Interleave(t.Context(), []Workload{w}, 1, nearby, silent)
	if got := r[Key{"w", "gone"}]; err != nil || got.Missing == nil || got.Missing.Package != "gone-tools" || got.Err != nil {
		t.Errorf("got %+v, %v", got, err)
	}
	if !slices.Equal(s.order, []string{"us", "us too"}) {
		t.Errorf("ran %q", s.order)
	}
}

func TestInterleave_EndOfContext(t *testing.T) {
	s := &log{}
	ctx, cancel := context.WithCancel(t.Context())
	w := s.workload("a", "b")
	w.Peers[0].Run = func(context.Context) (figures.Figures, error) { cancel(); return nil, errors.New("killed") }
	r, err := Interleave(ctx, []Workload{w}, 5, nearby, silent)
	if !errors.Is(err, context.Canceled) || len(s.order) != 0 || r[Key{"w", "a"}].Err != nil {
		t.Errorf("got %v, %q, %+v", err, s.order, r[Key{"w", "a"}])
	}
}
