//go:build linux && shmbus_failpoints

package crash

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/shmbus/shmbus/group"
	"github.com/shmbus/shmbus/integration/internal/harness"
	"github.com/shmbus/shmbus/internal/subproc"
	"github.com/shmbus/shmbus/topic"
)

// The group of TestGroupMatrix. Samples are unique numbers.
const (
	groupTopic = "robot/jobs"
	groupName  = "workers"
)

// A groupVictim is a member that runs until its trigger fires or the parent ends it.
type groupVictim struct {
	Trigger trigger
	Log     string // file to which it appends the numbers that it is about to acknowledge
	Trace   string
}

func runGroupVictim(ctx context.Context, parent *subproc.Parent, r groupVictim) error {
	f, err := os.OpenFile(r.Log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	return countStepsOf(func(p *topic.Participant) error {
		limited, cancel := context.WithTimeout(context.Background(), harness.WaitLimit)
		defer cancel()
		m, err := group.Join(limited, p, groupTopic, groupName, &group.Options[int]{LosslessTimeout: 100 * time.Millisecond, MaxPending: 2})
		if err != nil {
			return err
		}
		return errors.Join(work(ctx, m, func(n int) { fmt.Fprintln(f, n) }), m.Close())
	}, parent, r.Trigger, r.Trace)
}

// work acknowledges what it receives until ctx ends. It returns each third sample once, and reports each other before it acknowledges it.
func work(ctx context.Context, m *group.Member[int], report func(int)) error {
	for {
		d, err := m.Receive(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		n, err := d.Value()
		if err != nil {
			return err
		}
		if n%3 == 0 && !d.Redelivered() {
			err = d.Return()
		} else {
			report(n)
			err = d.Ack()
		}
		if err != nil {
			return err
		}
	}
}
