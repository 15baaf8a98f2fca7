// Package harness runs the processes of a measurement in an environment of their own: a directory in shared memory with one domain
// and one shared page. The end of a measurement removes all of it, unless its process is killed.
package harness

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/shmbus/shmbus/internal/subproc"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/topic"
)

// DefaultDir is the directory for environments: the shared memory of Linux.
const DefaultDir = "/dev/shm"

// domain is the only domain of an environment.
const domain = "measured"

// An Environment is the directory and the processes of one measurement.
type Environment struct {
	Dir       string
	Processes *subproc.Group
}

// New makes an environment in a directory of a tmpfs. Close must be called.
func New(ctx context.Context, parent string) (*Environment, error) {
	dir, err := os.MkdirTemp(parent, "shmbus-perf-")
	if err != nil {
		return nil, fmt.Errorf("make a directory to measure in: %w", err)
	}
	if err := createPage(dir); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return &Environment{Dir: dir, Processes: subproc.New(ctx, &subproc.Options{KillWithParent: true})}, nil
}

// Close ends the processes and removes the directory.
func (e *Environment) Close() error {
	e.Processes.StopAll()
	return os.RemoveAll(e.Dir)
}

// Run measures in a new environment in parent, and closes it.
func Run(ctx context.Context, parent string, measure func(*Environment) error) (err error) {
	e, err := New(ctx, parent)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	return measure(e)
}

// Location is the part of a request that names the environment.
func (e *Environment) Location() Location { return Location{e.Dir} }

// Start starts a process with a role and sends it the request. A wrap that is not empty is a program with its arguments that runs the
// process.
func (e *Environment) Start(role string, request any, wrap ...string) (*subproc.Child, error) {
	return e.Processes.Start(role, request, wrap...)
}

// StartReady is Start that waits until the process is ready.
func (e *Environment) StartReady(role string, request any, wrap ...string) (*subproc.Child, error) {
	c, err := e.Start(role, request, wrap...)
	if err != nil {
		return nil, err
	}
	return c, c.Ready()
}

// RunOne runs a process with a role until it has replied, decodes the reply into v and ends the process.
func (e *Environment) RunOne(role string, request, v any) error {
	c, err := e.Start(role, request)
	if err != nil {
		return err
	}
	return errors.Join(c.Next(v), c.Finish())
}

// Finish asks processes to end, one after the other, and waits until they have ended.
func Finish(all ...*subproc.Child) (err error) {
	for _, c := range all {
		err = errors.Join(err, c.Finish())
	}
	return err
}

// DomainDir returns the directory of the domain of the environment in dir.
func DomainDir(dir string) (string, error) { return registry.DomainDir(dir, domain) }

// Join makes this process a participant of the domain of the environment in dir.
func Join(dir, unit string) (*topic.Participant, error) {
	return topic.Join(&topic.Options{Dir: dir, Domain: domain, Unit: unit})
}
