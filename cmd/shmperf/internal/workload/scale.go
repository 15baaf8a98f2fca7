package workload

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/shmbus/shmbus/cmd/shmperf/internal/harness"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/measure"
	"github.com/shmbus/shmbus/internal/subproc"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/topic"
)

// The names of the roles.
const (
	scaleParticipants = "scale-participants"
	scaleWildcard     = "scale-wildcard"
	scaleVisitor      = "scale-visitor"
)

// The participants share processes. Each of them has the same work as in a process of its own, without the memory of a process. A
// participant has up to two descriptors of every other one, so that many participants need more processes.
const (
	scaleMinProcesses   = 4
	scaleMaxDescriptors = 15_000 // of one process
)

func (o *Scale) processes() int {
	each := max(1, (scaleMaxDescriptors-o.Topics/scaleMinProcesses)/(2*o.Participants))
	return min(o.Participants, max(scaleMinProcesses, (o.Participants+each-1)/each))
}

// A Scale is a domain with many participants and topics: the time to list them, and the delay until a new publisher is matched. All
// processes get it as their request.
type Scale struct {
	Dir          string `json:"dir"` // of the environment
	Topics       int    `json:"topics"`
	Participants int    `json:"participants"`
	First        int    `json:"first"` // participant of a process
	Step         int    `json:"step"`  // from one participant of a process to the next: the number of processes

	Wildcards int `json:"wildcards"` // processes that subscribe to every topic before the topics are made
	Visits    int `json:"visits"`    // of participants that join, publish and leave
}

// A ScaleResult is the figures of a large domain.
type ScaleResult struct {
	Made         time.Duration        // until all participants and topics were there
	MadeCPU      float64              // CPU seconds of all processes until then
	Topics       int                  // listed
	Participants int                  // listed
	First        time.Duration        // of the first listing, which opens every file
	List         *measure.Percentiles // of the other listings
	Match        Matches
	Visits       ScaleVisits
}

// Run measures in an environment in parent: first listings, then matches.
func (o Scale) Run(ctx context.Context, parent string, listings int, d Discovery) (r ScaleResult, err error) {
	err = harness.Run(ctx, parent, func(env *harness.Environment) error {
		all, err := r.start(env, o)
		if err != nil {
			return err
		}
		if o.Visits > 0 {
			if r.Visits, err = measureVisits(env, o.Visits, all); err != nil {
				return err
			}
		}
		if err := r.list(env, listings); err != nil {
			return err
		}
		r.Match, err = d.match(env)
		return err
	})
	if err != nil {
		return ScaleResult{}, err
	}
	return r, nil
}

// start starts the processes and returns them when all participants and topics are there.
func (r *ScaleResult) start(env *harness.Environment, o Scale) (all []*subproc.Child, err error) {
	o.Dir, o.Step = env.Dir, o.processes()
	for range o.Wildcards {
		c, err := env.StartReady(scaleWildcard, o)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	began := time.Now()
	for o.First = range o.Step {
		c, err := env.Start(scaleParticipants, o)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	for _, c := range all[o.Wildcards:] {
		if err := c.Ready(); err != nil {
			return nil, err
		}
	}
	r.Made = time.Since(began)
	r.MadeCPU, err = cpuOf(all)
	return all, err
}

// list takes snapshots of the domain, as shmmon does.
func (r *ScaleResult) list(env *harness.Environment, listings int) error {
	dir, err := harness.DomainDir(env.Dir)
	if err != nil {
		return err
	}
	observer, err := registry.Observe(dir)
	if err != nil {
		return err
	}
	defer observer.Close()
	delays := measure.NewRecorder()
	for i := range 1 + listings {
		began := time.Now()
		all, err := observer.Snapshot()
		if err != nil {
			return err
		}
		observer.Stats()
		if took := time.Since(began); i > 0 {
			delays.Record(int64(took))
		} else {
			r.First = took
		}
		r.Participants, r.Topics = len(all), 0
		for _, p := range all {
			r.Topics += len(p.Endpoints)
		}
		if err := env.Processes.Err(); err != nil {
			return err
		}
	}
	r.List = delays.Result()
	return nil
}

// joinParticipants is the role of a process with a part of the participants.
func joinParticipants(ctx context.Context, parent *subproc.Parent) error {
	var o Scale
	if err := parent.Request(&o); err != nil {
		return err
	}
	for i := o.First; i < o.Participants; i += o.Step {
		p, err := harness.Join(o.Dir, "participant")
		if err != nil {
			return err
		}
		defer p.Close()
		for n := i; n < o.Topics && ctx.Err() == nil; n += o.Participants {
			if _, err := topic.NewPublisher[[]byte](ctx, p, fmt.Sprintf("perf/scale/%d", n), nil); err != nil {
				return err
			}
		}
	}
	if err := parent.Ready(); err != nil {
		return err
	}
	return reportUsage(ctx, parent)
}

// subscribeAll is the role of a process that subscribes to every topic.
func subscribeAll(ctx context.Context, parent *subproc.Parent) error {
	var o Scale
	if err := parent.Request(&o); err != nil {
		return err
	}
	p, err := harness.Join(o.Dir, "wildcard")
	if err != nil {
		return err
	}
	defer p.Close()
	sub, err := topic.NewSubscriber[[]byte](ctx, p, "**", nil)
	if err != nil {
		return err
	}
	received := make(chan error, 1)
	go func() { received <- sub.Handle(ctx, func(topic.Sample[[]byte]) {}) }()
	if err := parent.Ready(); err != nil {
		return err
	}
	err = reportUsage(ctx, parent)
	if failed := <-received; ctx.Err() == nil {
		return errors.Join(err, failed)
	}
	return err
}
