//go:build linux

package goals

import (
	"errors"
	"testing"

	"github.com/shmbus/shmbus/integration/internal/harness"
	"github.com/shmbus/shmbus/service"
	"github.com/shmbus/shmbus/service/goal"
)

func ids(n int) (ids []goal.ID) {
	for range n {
		ids = append(ids, goal.NewID())
	}
	return ids
}

func wantCancelled(t *testing.T, c *goal.Client[string, int, string], id goal.ID, result string) {
	t.Helper()
	h, err := c.Find(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if v, err := h.Result(t.Context()); v != result || !errors.Is(err, goal.ErrCancelled) {
		t.Fatal(v, err)
	}
}

func TestClientIsKilled_WhileTheServerDecides(t *testing.T) {
	dir := harness.NewDomain(t)
	server := harness.Start(t, dir, serving{OutliveClients: true}).Ready()
	id := ids(1)
	client1 := harness.Start(t, dir, starting{Values: []string{askForever}, IDs: id})
	want(t, server, "asked", askForever)
	client1.Kill()
	if s := want(t, server, "given up", askForever); s.Cause != service.ErrClientGone.Error() {
		t.Fatal(s)
	}
	if _, err := client(t, dir).Find(t.Context(), id[0]); !errors.Is(err, goal.ErrUnknown) {
		t.Fatal(err)
	}
}

func TestClientIsKilled_WhileItsGoalsRunAndWait(t *testing.T) {
	dir := harness.NewDomain(t)
	server := harness.Start(t, dir, serving{}).Ready()
	c := client(t, dir)
	h, err := c.Start(t.Context(), runForever) // so that the next one waits
	if err != nil {
		t.Fatal(err)
	}
	want(t, server, "running", runForever)
	id := ids(1)
	waits := harness.Start(t, dir, starting{Values: []string{runForever}, IDs: id})
	want(t, waits, "accepted", runForever)
	waits.Kill()
	if err := h.Cancel(t.Context()); err != nil {
		t.Fatal(err)
	}
	want(t, server, "cancelled", runForever)
	if h, err = c.Start(t.Context(), succeedSoon); err != nil { // its turn comes when the other has ended
		t.Fatal(err)
	}
	if v, err := h.Result(t.Context()); v != "done" || err != nil {
		t.Fatal(v, err)
	}
	var result string
	for s := (step{}); s.Value != succeedSoon; {
		server.Expect(&s)
		if s.What == "cancelled" { // it began before the server saw the death
			result = "stopped"
		}
	}
	wantCancelled(t, c, id[0], result)

	id = ids(1)
	runs := harness.Start(t, dir, starting{Values: []string{runForever}, IDs: id})
	want(t, runs, "accepted", runForever)
	want(t, server, "running", runForever)
	runs.Kill()
	if s := want(t, server, "cancelled", runForever); s.Cause != goal.ErrClientsGone.Error() {
		t.Fatal(s)
	}
	wantCancelled(t, c, id[0], "stopped")
}

func TestClientIsKilled_AfterACancelWasGranted(t *testing.T) {
	dir := harness.NewDomain(t)
	server := harness.Start(t, dir, serving{OutliveClients: true}).Ready()
	id := ids(1)
	child := harness.Start(t, dir, starting{Values: []string{runForever}, IDs: id, Cancel: true})
	want(t, child, "accepted", runForever)
	want(t, child, "granted", runForever)
	child.Kill()
	want(t, server, "running", runForever)
	if s := want(t, server, "cancelled", runForever); s.Cause != goal.ErrCancelRequested.Error() {
		t.Fatal(s)
	}
	wantCancelled(t, client(t, dir), id[0], "stopped")
}

// A process finds the goals of one that was killed: one that runs, and one whose result was not taken.
func TestClientIsKilled_AnotherFindsItsGoals(t *testing.T) {
	dir := harness.NewDomain(t)
	server := harness.Start(t, dir, serving{OutliveClients: true}).Ready()
	id := ids(2)
	child := harness.Start(t, dir, starting{Values: []string{succeedSoon, runForever}, IDs: id})
	want(t, child, "accepted", succeedSoon)
	want(t, child, "accepted", runForever)
	want(t, server, "running", succeedSoon)
	want(t, server, "running", runForever)
	child.Kill()
	c := client(t, dir)
	ended, err := c.Find(t.Context(), id[0])
	if err != nil {
		t.Fatal(err)
	}
	if v, err := ended.Result(t.Context()); v != "done" || err != nil {
		t.Fatal(v, err)
	}
	runs, err := c.Find(t.Context(), id[1])
	if err != nil {
		t.Fatal(err)
	}
	if runs.State() != goal.Running {
		t.Fatal(runs.State())
	}
	if err := runs.Cancel(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantCancelled(t, c, id[1], "stopped")
}
