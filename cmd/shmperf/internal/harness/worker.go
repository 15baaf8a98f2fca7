package harness

import (
	"context"
	"encoding/json"

	"github.com/shmbus/shmbus/internal/subproc"
	"github.com/shmbus/shmbus/topic"
)

// A Location is the part of a request that names the environment. Every request embeds it.
type Location struct {
	Dir string `json:"dir"`
}

func (l Location) dir() string { return l.Dir }

// A Request is what a process of a measurement is asked to do.
type Request interface{ dir() string }

// A Worker is what a process of a measurement works with.
type Worker[R Request] struct {
	Request     R
	Page        *Page
	Participant *topic.Participant // nil without a unit

	parent *subproc.Parent
}

// Ready tells the parent that the process is ready.
func (w *Worker[R]) Ready() error { return w.parent.Ready() }

// Messages yields what the parent sends after the request.
func (w *Worker[R]) Messages() <-chan json.RawMessage { return w.parent.Messages() }

// Reply sends v to the parent.
func (w *Worker[R]) Reply(v any) error { return w.parent.Reply(v) }

// A Role is what a process of a measurement does.
type Role = func(context.Context, *subproc.Parent) error

// NewRole returns a role in which the process reads its request, joins the domain of the environment as unit, and calls work. It
// replies with the result of work, unless that is nil. It then stays until it is asked to end, because other processes may still use
// what it has. With an empty unit it does not join the domain.
func NewRole[R Request](unit string, work func(context.Context, *Worker[R]) (any, error)) Role {
	return func(ctx context.Context, parent *subproc.Parent) error { return runRole(ctx, parent, unit, work) }
}

func runRole[R Request](ctx context.Context, parent *subproc.Parent, unit string, work func(context.Context, *Worker[R]) (any, error)) error {
	w := Worker[R]{parent: parent}
	if err := parent.Request(&w.Request); err != nil {
		return err
	}
	page, err := openPage(w.Request.dir())
	if err != nil {
		return err
	}
	defer page.close()
	w.Page = page
	if unit != "" {
		if w.Participant, err = Join(w.Request.dir(), unit); err != nil {
			return err
		}
		defer w.Participant.Close()
	}
	reply, err := work(ctx, &w)
	if err != nil {
		return err
	}
	if reply != nil {
		if err := parent.Reply(reply); err != nil {
			return err
		}
	}
	<-ctx.Done()
	return nil
}
