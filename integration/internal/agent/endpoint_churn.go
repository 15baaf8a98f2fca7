//go:build linux

package agent

import (
	"context"

	"github.com/shmbus/shmbus/integration/internal/harness"
	"github.com/shmbus/shmbus/internal/subproc"
)

// EndpointChurn is the request of a process that joins, makes, uses and closes publishers and subscribers, and leaves, over and over,
// until it is killed.
type EndpointChurn struct{}

// EndpointChurnRole is the role of EndpointChurn.
func EndpointChurnRole() harness.Role {
	return harness.RoleOf(func(_ context.Context, parent *subproc.Parent, _ EndpointChurn) error {
		s := NewState()
		if err := parent.Ready(); err != nil {
			return err
		}
		for {
			for _, step := range []func(context.Context, *State) error{
				run(Join{}), run(Subscribe{Name: "s", Pattern: "**"}), run(Advertise{Name: "p", Topic: "t"}), run(Send{Publisher: "p", N: 3, Size: 100}),
				run(Subscribe{Name: "u", Pattern: "t", Lossless: true}), run(Close{Name: "s"}), run(AdvertiseMany{Prefix: "many", N: 3}),
				run(SendEach{Prefix: "many", N: 3}), run(Close{Name: "p"}), run(Leave{}),
			} {
				ctx, cancel := context.WithTimeout(context.Background(), harness.WaitLimit)
				err := step(ctx, s)
				cancel()
				if err != nil {
					return err
				}
			}
			clear(s.subscribers)
			clear(s.publishers)
		}
	})
}

// run is a call without its result.
func run[R any](call harness.Call[*State, R]) func(context.Context, *State) error {
	return func(ctx context.Context, s *State) error {
		_, err := call.Run(ctx, s)
		return err
	}
}
