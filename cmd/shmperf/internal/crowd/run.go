package crowd

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/shmbus/shmbus/cmd/shmperf/internal/distribution"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/meeting"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/stage"
	"github.com/shmbus/shmbus/internal/subproc"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/topic"
)

// The names of the roles.
const (
	Role     = "crowd"
	Wildcard = "crowd-wildcard"
	Visitor  = "crowd-visitor"
)

// The participants share processes: each of them has the same work as in a process of its own, without the memory. Of every
// other one it has up to two descriptors, so that there must be more processes when there are many.
const (
	processes   = 4
	descriptors = 15_000 // in one process
)

func (o *Order) processes() int {
	each := max(1, (descriptors-o.Topics/processes)/(2*o.Participants))
	return min(o.Participants, max(processes, (o.Participants+each-1)/each))
}

// An Order says how large the domain is, and for the role which part of that one process makes.
type Order struct {
	Dir          string `json:"dir"` // of the stage
	Topics       int    `json:"topics"`
	Participants int    `json:"participants"`
	First        int    `json:"first"` // participant, step 1 by the number of processes
	Step         int    `json:"step"`

	Wildcards int `json:"wildcards"` // processes that subscribe to every topic before the topics are made
	Visits    int `json:"visits"`    // of participants that join, publish and leave
}

// A Result is what was found.
type Result struct {
	Made    time.Duration             // until all were there
	MadeCPU float64                   // CPU seconds of all processes meanwhile
	Found   int                       // topics listed
	Members int                       // participants listed
	First   time.Duration             // listing, which opens every file
	List    *distribution.Percentiles // the others
	Match   meeting.Matches
	Visits  Visits
}

// Run measures on a stage of its own in parent: so many listings, then matches.
func Run(ctx context.Context, parent string, o Order, listings int, m meeting.Order) (r Result, err error) {
	st, err := stage.Open(ctx, parent)
	if err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	o.Dir, o.Step = st.Dir, o.processes()
	var crowd []*subproc.Child
	for range o.Wildcards {
		c, err := st.Ready(Wildcard, o)
		if err != nil {
			return Result{}, err
		}
		crowd = append(crowd, c)
	}
	began := time.Now()
	for o.First = range o.Step {
		c, err := st.Crew.Start(Role, o)
		if err != nil {
			return Result{}, err
		}
		crowd = append(crowd, c)
	}
	for _, c := range crowd[o.Wildcards:] {
		if err := c.Ready(); err != nil {
			return Result{}, err
		}
	}
	r.Made = time.Since(began)
	if r.MadeCPU, err = cpuOf(crowd); err != nil {
		return Result{}, err
	}
	if o.Visits > 0 {
		if r.Visits, err = visit(st, o, crowd); err != nil {
			return Result{}, err
		}
	}
	if err := r.list(st, listings); err != nil {
		return Result{}, err
	}
	if r.Match, err = meeting.Match(st, m); err != nil {
		return Result{}, err
	}
	return r, nil
}

// list looks at the whole domain as shmmon does.
func (r *Result) list(st *stage.Stage, listings int) error {
	dir, err := stage.DomainDir(st.Dir)
	if err != nil {
		return err
	}
	observer, err := registry.Observe(dir)
	if err != nil {
		return err
	}
	defer observer.Close()
	delays := distribution.NewRecorder()
	for i := range 1 + listings {
		began := time.Now()
		all, err := observer.Snapshot()
		if err != nil {
			return err
		}
		observer.Stats()
		if took := time.Since(began); i > 0 { // the first opens every file
			delays.Record(int64(took))
		} else {
			r.First = took
		}
		r.Members, r.Found = len(all), 0
		for _, p := range all {
			r.Found += len(p.Endpoints)
		}
		if st.Crew.Err() != nil {
			return st.Crew.Err()
		}
	}
	r.List = delays.Result()
	return nil
}

// Play is the role of a process with its part of the participants.
func Play(ctx context.Context, d *subproc.Parent) error {
	var o Order
	if err := d.Request(&o); err != nil {
		return err
	}
	for i := o.First; i < o.Participants; i += o.Step {
		p, err := stage.Join(o.Dir, "crowd")
		if err != nil {
			return err
		}
		defer p.Close()
		for n := i; n < o.Topics && ctx.Err() == nil; n += o.Participants {
			if _, err := topic.NewPublisher[[]byte](p, fmt.Sprintf("perf/crowd/%d", n), nil); err != nil {
				return err
			}
		}
	}
	if err := d.Ready(); err != nil {
		return err
	}
	return account(ctx, d)
}

// Collect is the role of a process that subscribes to every topic.
func Collect(ctx context.Context, d *subproc.Parent) error {
	var o Order
	if err := d.Request(&o); err != nil {
		return err
	}
	p, err := stage.Join(o.Dir, "wildcard")
	if err != nil {
		return err
	}
	defer p.Close()
	sub, err := topic.NewSubscriber[[]byte](p, "**", nil)
	if err != nil {
		return err
	}
	received := make(chan error, 1)
	go func() { received <- sub.Handle(ctx, func(topic.Sample[[]byte]) {}) }()
	if err := d.Ready(); err != nil {
		return err
	}
	err = account(ctx, d)
	if failed := <-received; ctx.Err() == nil {
		return errors.Join(err, failed)
	}
	return err
}
