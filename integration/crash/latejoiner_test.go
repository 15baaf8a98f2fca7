//go:build linux && shmbus_failpoints

package crash

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/shmbus/shmbus/doctor"
	"github.com/shmbus/shmbus/integration/internal/harness"
	"github.com/shmbus/shmbus/internal/subproc"
	"github.com/shmbus/shmbus/topic"
)

// lateJoinerSamples is how many samples a newcomer publishes on "load", fewer than a ring has room for.
const lateJoinerSamples = 10

// lateJoiner is the request of a process that joins, subscribes and publishes on the topic of all the others, takes some of what comes, and
// leaves.
type lateJoiner struct{}

func joinLate(_ context.Context, parent *subproc.Parent, _ lateJoiner) error {
	ctx, cancel := context.WithTimeout(context.Background(), harness.WaitLimit)
	defer cancel()
	p, err := topic.Join(&topic.Options{Unit: "newcomer"})
	if err != nil {
		return err
	}
	sub, err := topic.NewSubscriber(ctx, p, "load", &topic.SubscriberOptions[[]byte]{})
	if err != nil {
		return err
	}
	pub, err := topic.NewPublisher(ctx, p, "load", &topic.PublisherOptions[[]byte]{})
	if err != nil {
		return err
	}
	for i := range lateJoinerSamples {
		b := make([]byte, 100+i*100)
		harness.Fill(b, stamp(uint64(i+1), len(b)))
		if _, err := pub.Publish(ctx, b); err != nil {
			return err
		}
	}
	others := 0
	for others < 3*depth {
		s, err := sub.Receive(ctx)
		if err != nil {
			return err
		}
		if err := harness.Check(s.Bytes(), stamp(s.Sequence(), len(s.Bytes()))); err != nil {
			return err
		}
		if s.Publisher() != pub.ID() {
			others++
		}
		s.Release()
	}
	if err := errors.Join(sub.Close(), pub.Close(), p.Close()); err != nil {
		return fmt.Errorf("leave: %w", err)
	}
	return parent.Ready() // it has left
}

// checkShownStopped checks that a victim that is stopped is shown as stopped and no participant as dead, once it has joined and until it has left.
// its are the victim's files.
func checkShownStopped(t *testing.T, dir string, c *victimProcess, its []string) {
	t.Helper()
	joined := 0
	for _, name := range its {
		if strings.HasSuffix(name, ".participant") {
			joined++
		}
	}
	r := harness.Examine(t, dir, doctor.MinSample)
	named := slices.ContainsFunc(r.Findings, func(f doctor.Finding) bool {
		return f.Fault == doctor.Stopped && f.PID == c.PID()
	})
	if r.Stopped != joined || r.Dead > 0 || named != (joined > 0) {
		t.Errorf("%d participants of a process are stopped, and are shown as %d stopped, %d dead, of %d: %+v", joined, r.Stopped, r.Dead, r.Alive, r.Findings)
	}
}
