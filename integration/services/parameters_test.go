//go:build linux

package services

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/shmbus/shmbus/integration/internal/harness"
	"github.com/shmbus/shmbus/internal/subproc"
	"github.com/shmbus/shmbus/param"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/service"
	"github.com/shmbus/shmbus/topic"
)

// A runningOwner is a process of the unit "robot" with the parameter speed, 1.5.
type runningOwner struct{}

func runOwner(ctx context.Context, parent *subproc.Parent, _ runningOwner) error {
	p, err := topic.Join(&topic.Options{Unit: "robot"})
	if err != nil {
		return err
	}
	server, err := param.NewServer(ctx, p)
	if err != nil {
		return errors.Join(err, p.Close())
	}
	if _, err := param.Declare(ctx, server, "speed", 1.5, nil); err != nil {
		return errors.Join(err, p.Close())
	}
	if err := parent.Ready(); err != nil {
		return err
	}
	<-ctx.Done()
	return errors.Join(server.Close(), p.Close())
}

// openRobot opens the parameters of the unit "robot".
func openRobot(t *testing.T, p *topic.Participant) *param.Client {
	t.Helper()
	c, err := param.Open(limited(t), p, "robot")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// The parameters of a process that is stopped can be read. Setting one waits for the process, and names it in the end.
func TestStopped_OwnerOfParameters(t *testing.T) {
	dir := harness.NewDomain(t)
	owner := harness.Start(t, dir, runningOwner{}).Ready()
	owner.Suspend()
	p := join(t, dir)
	c := openRobot(t, p)
	if v, err := param.Get[float64](c, "speed"); v != 1.5 || err != nil {
		t.Errorf("speed is %v, %v", v, err)
	}
	if o, err := c.Owner(); o.PID != owner.PID() || o.State != registry.StateStopped || err != nil {
		t.Errorf("the owner is %+v, %v", o, err)
	}
	found := 0
	for i, err := range param.Find(limited(t), p) {
		if err != nil || i.Name != "speed" || i.Owner.PID != owner.PID() || i.Owner.State != registry.StateStopped {
			t.Errorf("found: %+v, %v", i, err)
		}
		found++
	}
	if found != 1 {
		t.Errorf("found %d parameters", found)
	}
	for _, limit := range []time.Duration{0, 1500 * time.Millisecond} { // a client of its service takes a second
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		err := c.Set(ctx, "speed", param.Of(2.5))
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("set: %v", err)
		}
		harness.WantParts(t, err.Error(), "speed", fmt.Sprintf("pid %d", owner.PID()), "stopped")
	}
	owner.Resume()
	if err := c.Set(limited(t), "speed", param.Of(3.5)); err != nil {
		t.Fatal(err)
	}
	if v, err := param.Get[float64](c, "speed"); v != 3.5 || err != nil {
		t.Errorf("speed is %v, %v", v, err)
	}
	if o, err := c.Owner(); o.State != registry.StateRunning || err != nil {
		t.Errorf("the owner is %+v, %v", o, err)
	}
	owner.Finish()
}

// A stopped owner that dies is gone, also for a client that it never answered.
func TestStopped_OwnerDies(t *testing.T) {
	dir := harness.NewDomain(t)
	owner := harness.Start(t, dir, runningOwner{}).Ready()
	owner.Suspend()
	c := openRobot(t, join(t, dir))
	if err := c.WaitForOwner(limited(t)); err != nil {
		t.Fatal(err)
	}
	owner.Kill()
	for ctx := limited(t); ; time.Sleep(time.Millisecond) {
		if _, err := c.Owner(); errors.Is(err, param.ErrNoOwner) {
			break
		} else if ctx.Err() != nil {
			t.Fatalf("the owner is there after its death: %v", err)
		}
	}
	if err := c.Set(limited(t), "speed", param.Of(1.0)); !errors.Is(err, param.ErrNoOwner) && !errors.Is(err, service.ErrNoServer) {
		t.Errorf("set: %v", err)
	}
}
