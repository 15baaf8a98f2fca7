//go:build linux

package goals

import (
	"errors"
	"strings"
	"testing"

	"github.com/shmbus/shmbus/integration/internal/harness"
	"github.com/shmbus/shmbus/service"
	"github.com/shmbus/shmbus/service/goal"
)

func TestServerIsKilled_WhileItDecides(t *testing.T) {
	dir := harness.NewDomain(t)
	server := harness.Start(t, dir, serving{}).Ready()
	c := client(t, dir)
	result := make(chan error)
	go func() {
		_, err := c.Start(t.Context(), askForever)
		result <- err
	}()
	want(t, server, "asked", askForever)
	server.Kill()
	if err := <-result; !errors.Is(err, service.ErrOutcomeUnknown) {
		t.Fatal(err)
	}
}

func TestServerIsKilled_WhileGoalsRunAndWait(t *testing.T) {
	for _, cancel := range []bool{false, true} {
		dir := harness.NewDomain(t)
		server := harness.Start(t, dir, serving{}).Ready()
		c := client(t, dir)
		var handles []*goal.Handle[int, string]
		for range 2 {
			h, err := c.Start(t.Context(), ignoreAll)
			if err != nil {
				t.Fatal(err)
			}
			handles = append(handles, h)
		}
		want(t, server, "running", ignoreAll)
		if cancel { // granted, and not done
			if err := handles[0].Cancel(t.Context()); err != nil {
				t.Fatal(err)
			}
			want(t, server, "cancelled", ignoreAll)
		}
		server.Kill()
		for _, h := range handles {
			for _, err := range h.Feedback(t.Context()) {
				t.Error("feedback", err)
			}
			if _, err := h.Result(t.Context()); !errors.Is(err, goal.ErrLost) || h.State() != goal.Lost || strings.Contains(err.Error(), "may have run") {
				t.Errorf("cancel %v: %v, %v", cancel, err, h.State())
			}
			if err := h.Cancel(t.Context()); !errors.Is(err, service.ErrNoServer) {
				t.Error(err)
			}
		}
		// The next server does not know them.
		harness.Start(t, dir, serving{}).Ready()
		if err := c.WaitForServer(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Find(t.Context(), handles[0].ID()); !errors.Is(err, goal.ErrUnknown) {
			t.Fatal(err)
		}
	}
}

func TestServerIsKilled_AfterTheEnd(t *testing.T) {
	dir := harness.NewDomain(t)
	server := harness.Start(t, dir, serving{}).Ready()
	c := client(t, dir)
	h, err := c.Start(t.Context(), succeedSoon)
	if err != nil {
		t.Fatal(err)
	}
	<-h.Done()
	server.Kill()
	if v, err := h.Result(t.Context()); v != "done" || err != nil || h.State() != goal.Succeeded {
		t.Fatal(v, err, h.State())
	}
}
