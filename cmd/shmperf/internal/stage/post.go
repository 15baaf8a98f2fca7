package stage

import (
	"context"
	"encoding/json"

	"github.com/shmbus/shmbus/cmd/shmperf/internal/board"
	"github.com/shmbus/shmbus/internal/subproc"
	"github.com/shmbus/shmbus/topic"
)

// Where is the part of an order that says on which stage; every order has it.
type Where struct {
	Dir string `json:"dir"`
}

func (w Where) place() string { return w.Dir }

// An Ordered is an order that has a Where.
type Ordered interface{ place() string }

// A Post is what a process of a measurement works with.
type Post[O Ordered] struct {
	Order       O
	Board       *board.Board
	Participant *topic.Participant // nil without a unit

	desk *subproc.Parent
}

// Ready says that the process is.
func (p *Post[O]) Ready() error { return p.desk.Ready() }

// Told yields what the process is told after its order.
func (p *Post[O]) Told() <-chan json.RawMessage { return p.desk.Messages() }

// Reply says v.
func (p *Post[O]) Reply(v any) error { return p.desk.Reply(v) }

// Play plays a role: the process reads its order, takes part in the stage's domain as unit, unless that is empty, and works.
// What work returns is its reply, unless that is nil. Then it stays until it is told to end, for others may still use what it has.
func Play[O Ordered](ctx context.Context, d *subproc.Parent, unit string, work func(context.Context, *Post[O]) (any, error)) error {
	at := Post[O]{desk: d}
	if err := d.Request(&at.Order); err != nil {
		return err
	}
	b, err := board.Open(at.Order.place())
	if err != nil {
		return err
	}
	defer b.Close()
	at.Board = b
	if unit != "" {
		if at.Participant, err = Join(at.Order.place(), unit); err != nil {
			return err
		}
		defer at.Participant.Close()
	}
	reply, err := work(ctx, &at)
	if err != nil {
		return err
	}
	if reply != nil {
		if err := d.Reply(reply); err != nil {
			return err
		}
	}
	<-ctx.Done()
	return nil
}
