//go:build linux

package harness

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"runtime"
	"sync"
	"testing"

	"github.com/shmbus/shmbus/internal/subproc"
)

// A Role is what a child process does. Its name is the type of its request.
type Role struct {
	name string
	run  func(ctx context.Context, p *subproc.Parent) error
}

// RoleOf returns the role of the processes that are started with a request of the type T. The context ends when the parent asks the
// process to end.
func RoleOf[T any](run func(ctx context.Context, p *subproc.Parent, request T) error) Role {
	return Role{roleName(*new(T)), func(ctx context.Context, p *subproc.Parent) error {
		var request T
		if err := p.Request(&request); err != nil {
			return err
		}
		return run(ctx, p, request)
	}}
}

func roleName(request any) string { return reflect.TypeOf(request).String() }

// Main is TestMain: it runs the tests, or the role for which this process was started. All packages have the roles of Publish and
// Subscribe.
func Main(m *testing.M, roles ...Role) {
	name, child := subproc.Role(os.Args[1:])
	if !child {
		os.Exit(m.Run())
	}
	runtime.MemProfileRate = 0 // the profile's memory would count as growth
	for _, r := range append(roles, RoleOf(publish), RoleOf(subscribe)) {
		if r.name != name {
			continue
		}
		if err := subproc.Serve(context.Background(), subproc.Input(), os.Stdout, r.run); err != nil {
			Exit(fmt.Errorf("%s: %w", name, err))
		}
		os.Exit(0)
	}
	Exit(fmt.Errorf("there is no role %s", name))
}

// Exit ends a child with an error.
func Exit(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// WorkUntilAsked reports that the process is ready and waits until the parent asks it to end or until a goroutine of the work fails. It
// cancels the work and waits for its end.
func WorkUntilAsked(ctx context.Context, parent *subproc.Parent, cancel context.CancelFunc, work *sync.WaitGroup, failed <-chan error) error {
	if err := parent.Ready(); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
	case err := <-failed:
		return err
	}
	cancel()
	work.Wait()
	return nil
}

// NextMessage waits for the parent's next message. It returns false when the parent asks the process to end.
func NextMessage[T any](ctx context.Context, p *subproc.Parent) (v T, ok bool) {
	select {
	case line := <-p.Messages():
		if err := json.Unmarshal(line, &v); err != nil {
			Exit(fmt.Errorf("decode a message: %w", err))
		}
		return v, true
	case <-ctx.Done():
		return v, false
	}
}
