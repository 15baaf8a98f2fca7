package stage

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/shmbus/shmbus/cmd/shmperf/internal/board"
	"github.com/shmbus/shmbus/internal/subproc"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/topic"
)

// Default is where stages are made: Linux has shared memory there.
const Default = "/dev/shm"

// domain is the only one of a stage.
const domain = "measured"

// A Stage is the place of one measurement.
type Stage struct {
	Dir  string
	Crew *subproc.Group
}

// Open makes a stage in a directory of a tmpfs. Close must be called.
func Open(ctx context.Context, parent string) (*Stage, error) {
	dir, err := os.MkdirTemp(parent, "shmbus-perf-")
	if err != nil {
		return nil, fmt.Errorf("make a directory to measure in: %w", err)
	}
	if err := board.Create(dir); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return &Stage{Dir: dir, Crew: subproc.New(ctx, &subproc.Options{KillWithParent: true})}, nil
}

// Close ends the processes and removes the directory.
func (s *Stage) Close() error {
	s.Crew.StopAll()
	return os.RemoveAll(s.Dir)
}

// On measures on a stage of its own in parent.
func On(ctx context.Context, parent string, measure func(*Stage) error) (err error) {
	st, err := Open(ctx, parent)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	return measure(st)
}

// Where is the part of an order that says on which stage.
func (s *Stage) Where() Where { return Where{s.Dir} }

// Ready starts a process, as a crew does, and waits until it is ready.
func (s *Stage) Ready(role string, order any, wrap ...string) (*subproc.Child, error) {
	c, err := s.Crew.Start(role, order, wrap...)
	if err != nil {
		return nil, err
	}
	return c, c.Ready()
}

// Finish tells processes to end, one after the other, and waits until they have.
func Finish(all ...*subproc.Child) (err error) {
	for _, c := range all {
		err = errors.Join(err, c.Finish())
	}
	return err
}

// DomainDir is the directory of a stage's domain.
func DomainDir(dir string) (string, error) { return registry.DomainDir(dir, domain) }

// Join makes this process a participant of the domain of the stage in dir.
func Join(dir, unit string) (*topic.Participant, error) {
	return topic.Join(&topic.Options{Dir: dir, Domain: domain, Unit: unit})
}
