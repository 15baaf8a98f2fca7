// Package floor measures what the machine does without a bus, with processes like those of a link. No bus in shared memory can be
// faster.
package floor

import (
	"context"
	"time"

	"github.com/shmbus/shmbus/cmd/shmperf/internal/harness"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/workload"
	"github.com/shmbus/shmbus/internal/subproc"
)

// The kinds of floors.
const (
	Spin   = "spin"   // a number and a stamp in one cache line, the receiver loads it all the time
	Futex  = "futex"  // the same, the receiver sleeps on the number
	Memcpy = "memcpy" // one process copies into shared memory
)

// The names of the roles.
const (
	senderRole   = "floor-sender"
	receiverRole = "floor-receiver"
	copierRole   = "floor-copier"
)

// Roles returns the roles of the processes by name.
func Roles() map[string]harness.Role {
	return map[string]harness.Role{
		senderRole:   harness.NewRole("", send),
		receiverRole: harness.NewRole("", receive),
		copierRole:   harness.NewRole("", copyBlocks),
	}
}

// Options say what to measure. All processes get them as their request.
type Options struct {
	harness.Location
	Kind      string        `json:"kind"`
	Size      int           `json:"size"`      // of a copy
	Ring      int           `json:"ring"`      // capacity of the shared memory in copies
	Count     uint64        `json:"count"`     // after the warm-up, 0: until Duration ends
	Warm      uint64        `json:"warm"`      // changes or copies of the warm-up, at least 1
	Duration  time.Duration `json:"duration"`  // 0: until Count is reached
	Rate      float64       `json:"rate"`      // of changes per second, 0: the next when the receiver has seen the previous one
	Receivers int           `json:"receivers"` // of changes, 0: one; with several, a delay ends when the last of them has seen the change
	Index     int           `json:"index"`     // of a receiver
	Program   string        `json:"-"`         // runs as the receivers instead of this program, if not empty
}

// maxChanges is the number of changes that fit into the word, with some left for the warm-up.
const maxChanges = 1 << 31

// Run measures one floor in an environment in parent.
func Run(ctx context.Context, parent string, o Options) (r workload.LinkResult, err error) {
	if o.Kind != Memcpy && (o.Count == 0 || o.Count > maxChanges) {
		o.Count = maxChanges
	}
	o.Receivers = max(o.Receivers, 1)
	err = harness.Run(ctx, parent, func(env *harness.Environment) error {
		o.Location = env.Location()
		if o.Kind != Memcpy {
			return measureChanges(env, o, &r)
		}
		return env.RunOne(copierRole, o, &r)
	})
	return r, err
}

// measureChanges measures the delay until receivers see what a sender changes.
func measureChanges(env *harness.Environment, o Options, r *workload.LinkResult) error {
	var wrap []string
	if o.Program != "" {
		wrap = []string{o.Program}
	}
	all := make([]*subproc.Child, o.Receivers)
	for i := range all {
		o.Index = i
		var err error
		if all[i], err = env.StartReady(receiverRole, o, wrap...); err != nil {
			return err
		}
	}
	sender, err := env.Start(senderRole, o)
	if err != nil {
		return err
	}
	if err := sender.Next(&r.Sent); err != nil {
		return err
	}
	for _, c := range all {
		used := r.Received.Usage
		if err := c.Next(&r.Received); err != nil {
			return err
		}
		r.Received.Usage = r.Received.Usage.Plus(used)
	}
	if len(all) > 1 {
		r.Received.Delays = r.Sent.Took
	}
	return harness.Finish(append(all, sender)...)
}

// copiesPerClockRead is the number of copies between two readings of the clock where a copy takes less time than a reading.
const copiesPerClockRead = 256

func (o *Options) isLast(n uint64, elapsed func() int64) bool {
	if o.Count > 0 && n == o.Warm+o.Count {
		return true
	}
	check := o.Duration > 0 && (o.Kind != Memcpy || o.Size > 1<<16 || n%copiesPerClockRead == 0)
	return check && elapsed() >= int64(o.Duration)
}
