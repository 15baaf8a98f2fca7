package services

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/shmbus/shmbus/cmd/shmmon/internal/watch"
	"github.com/shmbus/shmbus/param"
	"github.com/shmbus/shmbus/service"
	"github.com/shmbus/shmbus/service/goal"
	"github.com/shmbus/shmbus/topic"
)

func join(t *testing.T, dir, unit string) *topic.Participant {
	t.Helper()
	p, err := topic.Join(&topic.Options{Dir: dir, Domain: "d", Unit: unit})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func reader(t *testing.T, dir string) *Reader {
	t.Helper()
	r := Open(filepath.Join(dir, "d"))
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func read(t *testing.T, r *Reader, want Want) Reading {
	t.Helper()
	reading, err := r.Read(t.Context(), want)
	if err != nil {
		t.Fatal(err)
	}
	return reading
}

// eventually reads until done, which is sooner or later.
func eventually(t *testing.T, r *Reader, want Want, done func(Reading) bool) Reading {
	t.Helper()
	for {
		reading := read(t, r, want)
		if done(reading) {
			return reading
		}
		select {
		case <-t.Context().Done():
			t.Fatalf("%+v", reading)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func TestReader_ServicesWithFigures(t *testing.T) {
	dir := t.TempDir()
	r := reader(t, dir)
	if reading := read(t, r, WantServices|WantGoals|WantParameters); len(reading.Servers)+len(reading.Goals)+len(reading.Parameters) > 0 {
		t.Errorf("a domain that is not there has %+v", reading)
	}
	p := join(t, dir, "robot")
	server, err := service.NewServer(t.Context(), p, "robot/greet", func(_ context.Context, call *service.Call[string, string]) (string, error) {
		if call.Request() == "" {
			return "", errors.New("no name")
		}
		return call.Request(), nil
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	client, err := service.NewClient[string, string](t.Context(), join(t, dir, "operator"), "robot/greet", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for _, name := range []string{"a", "", "b"} {
		_, _ = client.Call(t.Context(), name) // one fails
	}
	reading := eventually(t, r, WantServices, func(r Reading) bool {
		for _, f := range r.Figures {
			return f.Calls == 3
		}
		return false
	})
	observer, err := watch.Open(filepath.Join(dir, "d"))
	if err != nil {
		t.Fatal(err)
	}
	defer observer.Close()
	snapshot, err := observer.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	all := reading.Services(watch.NewTracker(nil).Add(snapshot), "robot/*")
	if len(all) != 1 {
		t.Fatalf("%+v", all)
	}
	s := all[0]
	if s.Name != "robot/greet" || s.Kind != Call || s.Request.Name != "string" || len(s.Servers) != 1 || s.Servers[0].Server.Unit != "robot" || s.Clients != 1 ||
		s.Calls != 3 || s.Failed != 1 || s.P50() <= 0 || s.P99() < s.P50() {
		t.Errorf("%+v, %v, %v", s, s.P50(), s.P99())
	}
	if other := reading.Services(watch.View{}, "other"); len(other) != 0 {
		t.Errorf("%+v", other)
	}
}

func TestFigures_TimesOfHandlers(t *testing.T) {
	fast, slow := Figures{Calls: 99}, Figures{Calls: 3, Failed: 2, Refused: 1, Unanswered: 4}
	fast.Took[0], slow.Took[10], slow.Took[31] = 97, 2, 1
	var f Figures
	if f.P50() != -1 || f.P99() != -1 {
		t.Errorf("of no handler: %v, %v", f.P50(), f.P99())
	}
	f.add(fast)
	if f.add(slow); f.P50() != time.Microsecond || f.P99() != 1024*time.Microsecond || f.Calls != 102 || f.Failed != 2 || f.Refused != 1 || f.Unanswered != 4 {
		t.Errorf("%+v, %v, %v", f, f.P50(), f.P99())
	}
	if f.add(slow); f.P99() != time.Microsecond<<31 {
		t.Errorf("p99 %v", f.P99())
	}
}

func TestReader_Parameters(t *testing.T) {
	dir := t.TempDir()
	for _, unit := range []string{"b", "a"} {
		s, err := param.NewServer(t.Context(), join(t, dir, unit))
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if _, err := param.Declare(t.Context(), s, "speed", 1.5, &param.Options[float64]{Description: "m/s"}); err != nil {
			t.Fatal(err)
		}
		if _, err := param.Declare(t.Context(), s, "name", strings.Repeat("x", 10_000), &param.Options[string]{ReadOnly: true}); err != nil {
			t.Fatal(err)
		}
	}
	reading := read(t, reader(t, dir), WantParameters)
	got := ""
	for _, p := range reading.Parameters {
		got += fmt.Sprintf("%s %s %s %.3s %d %v %s\n", p.Owner.Unit, p.Name, p.Type, p.Value, len(p.Value), p.ReadOnly, p.Description)
	}
	one := "%[1]s name string xxx 503 true \n%[1]s speed float64 1.5 3 false m/s\n"
	if want := fmt.Sprintf(one, "a") + fmt.Sprintf(one, "b"); got != want || reading.Cut {
		t.Errorf("%s, not %s, %v", got, want, reading.Cut)
	}
}

// state returns the state of a goal in a reading.
func state(r Reading, id goal.ID) string {
	for _, g := range r.Goals {
		if g.ID == id {
			return g.State
		}
	}
	return ""
}

// Each state is seen by a reader that takes no part, also the earlier ones of goals that began before it looked.
func TestReader_Goals(t *testing.T) {
	dir := t.TempDir()
	p := join(t, dir, "robot")
	end := make(chan struct{})
	serve := func() *goal.Server[int, int, int] {
		s, err := goal.NewServer(t.Context(), p, "robot/move", func(ctx context.Context, g *goal.Goal[int, int]) (int, error) {
			if err := g.Feedback(1); err != nil {
				return 0, err
			}
			select {
			case <-end:
			case <-ctx.Done():
				return 0, ctx.Err()
			}
			if g.Value() < 0 {
				return 0, errors.New("negative")
			}
			return g.Value(), nil
		}, &goal.ServerOptions[int, int, int]{Concurrency: 2, MaxGoals: 3})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	server := serve()
	operator := join(t, dir, "operator")
	client, err := goal.NewClient[int, int, int](t.Context(), operator, "robot/move", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	start := func(v int) *goal.Handle[int, int] {
		h, err := client.Start(t.Context(), v)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	good, bad := start(1), start(-1)
	r := reader(t, dir)
	eventually(t, r, WantGoals, func(r Reading) bool { return state(r, good.ID()) == "running" && state(r, bad.ID()) == "running" })
	waits := start(2)
	if _, err := client.Start(t.Context(), 3); err == nil {
		t.Error("a fourth goal was accepted")
	}
	reading := eventually(t, r, WantGoals, func(r Reading) bool { return state(r, waits.ID()) == "accepted" && len(r.Goals) == 4 })
	if newest := reading.Goals[0]; newest.State != StateRejected || !newest.Ended || newest.Service != "robot/move" || newest.Caller.Unit != "operator" || newest.Started == 0 {
		t.Errorf("%+v", newest)
	}
	if err := waits.Cancel(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, r, WantGoals, func(r Reading) bool { return state(r, waits.ID()) == "cancelled" })
	end <- struct{}{}
	end <- struct{}{}
	_, _ = good.Result(t.Context())
	_, _ = bad.Result(t.Context())
	eventually(t, r, WantGoals, func(r Reading) bool { return state(r, good.ID()) == "succeeded" && state(r, bad.ID()) == "failed" })

	// A server that went away has lost its goals, also if another one has its name.
	lost := start(5)
	eventually(t, r, WantGoals, func(r Reading) bool { return state(r, lost.ID()) == "running" })
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	defer serve().Close()
	eventually(t, r, WantGoals, func(r Reading) bool { s := state(r, lost.ID()); return s == "lost" || s == "cancelled" })
	if reading := read(t, r, 0); len(reading.Goals) != 0 || r.self != nil {
		t.Error("it reads on what is not shown")
	}
}

// No number of goals is kept, and those that go on are kept longest.
func TestGoals_AreForgotten(t *testing.T) {
	g := goals{known: map[goalKey]*Goal{}, calls: map[call]goalKey{}}
	for i := range 2 * maxGoals {
		id := goal.NewID()
		g.request("s", sent{sender: "p", stamp: int64(i), header: service.Header{Number: uint64(i)}, request: goal.Request{ID: id, Operation: "follow"}})
		if i >= 10 {
			g.response(sent{last: "p", header: service.Header{Number: uint64(i), Kind: service.KindItem}, state: goal.Succeeded})
		}
	}
	g.forget()
	list := g.list()
	if len(list) != maxGoals || len(g.calls) != maxGoals || list[0].Started != 2*maxGoals-1 || list[maxGoals-1].Started != 0 || list[maxGoals-1].State != StateSent {
		t.Errorf("%d, %d, %+v", len(list), len(g.calls), list[len(list)-1])
	}
}
