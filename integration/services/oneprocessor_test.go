//go:build linux

package services

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"testing"

	"github.com/shmbus/shmbus/integration/internal/harness"
	"github.com/shmbus/shmbus/internal/subproc"
	"github.com/shmbus/shmbus/service"
	"github.com/shmbus/shmbus/topic"
)

// A callingProcess makes calls of unaryName and ends.
type callingProcess struct{ Calls int }

// processors are what a callingProcess found.
type processors struct{ CPUs, Before, After int }

func runCallingProcess(ctx context.Context, parent *subproc.Parent, o callingProcess) error {
	found := processors{CPUs: runtime.NumCPU(), Before: runtime.GOMAXPROCS(0)}
	p, err := topic.Join(nil)
	if err != nil {
		return err
	}
	found.After = runtime.GOMAXPROCS(0)
	client, err := service.NewClient[int, identity](ctx, p, unaryName, nil)
	if err != nil {
		return errors.Join(err, p.Close())
	}
	for i := range o.Calls {
		caller, err := client.Call(ctx, i)
		if err == nil && caller.PID != os.Getpid() {
			err = fmt.Errorf("got the response of %+v", caller)
		}
		if err != nil {
			return errors.Join(err, p.Close())
		}
	}
	return errors.Join(client.Close(), p.Close(), parent.Reply(found))
}

// Two processes that share their only processor call each other. The runtime has two processors then, unless the environment says otherwise.
func TestCalls_OnOneProcessor(t *testing.T) {
	taskset, err := exec.LookPath("taskset")
	if err != nil {
		if how := "install taskset (Debian: util-linux) to run this test"; os.Getenv("CI") != "" {
			t.Fatal(how)
		} else {
			t.Skip(how)
		}
	}
	for env, want := range map[string]processors{"GOMAXPROCS=": {1, 1, 2}, "GOMAXPROCS=1": {1, 1, 1}} {
		t.Run(env, func(t *testing.T) {
			dir := harness.NewDomain(t)
			on := harness.Options{Program: []string{taskset, "-c", "0", os.Args[0]}, Env: []string{env}}
			harness.StartWith(t, dir, runningServer{}, on).Ready()
			var found processors
			client := harness.StartWith(t, dir, callingProcess{2000}, on)
			client.Expect(&found)
			client.Finish()
			if found != want {
				t.Errorf("%+v, want %+v", found, want)
			}
		})
	}
}
