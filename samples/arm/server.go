package main

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/shmbus/shmbus/internal/subproc"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/serde/jsonschema"
	"github.com/shmbus/shmbus/service/goal"
	"github.com/shmbus/shmbus/topic"
)

const (
	name     = "samples/arm/move"
	maxAngle = 170.0                 // degrees
	speed    = 60.0                  // degrees a second
	period   = 20 * time.Millisecond // of the control loop
)

// A Target is a goal of the arm.
type Target struct{ Angle float64 } // degrees

// A Progress is its feedback, and the result.
type Progress struct {
	Angle float64 // degrees
	Done  float64 // from 0 to 1
}

// codecs have the schemas of the types, so that tools know their fields.
func codecs() (targets serde.Codec[Target], progress serde.Codec[Progress], err error) {
	if targets, err = jsonschema.Codec(serde.MsgPack[Target]()); err == nil {
		progress, err = jsonschema.Codec(serde.MsgPack[Progress]())
	}
	return targets, progress, err
}

func serveChild(ctx context.Context, parent *subproc.Parent) error { return serve(ctx, parent.Ready) }

// serve runs the arm until ctx ends.
func serve(ctx context.Context, ready func() error) error {
	p, err := topic.Join(nil)
	if err != nil {
		return err
	}
	defer p.Close()
	targets, progress, err := codecs()
	if err != nil {
		return err
	}
	angle := 0.0 // of the handler: one goal runs at a time
	server, err := goal.NewServer(ctx, p, name, func(ctx context.Context, g *goal.Goal[Target, Progress]) (Progress, error) {
		return turn(ctx, g, &angle)
	}, &goal.ServerOptions[Target, Progress, Progress]{GoalCodec: targets, FeedbackCodec: progress, ResultCodec: progress, Admit: admit})
	if err != nil {
		return err
	}
	defer server.Close()
	if err := ready(); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// admit rejects what the arm cannot do.
func admit(_ context.Context, g *goal.Goal[Target, Progress]) error {
	if a := g.Value().Angle; !(math.Abs(a) <= maxAngle) {
		return fmt.Errorf("the arm turns by at most %v degrees to either side, not to %v", maxAngle, a)
	}
	return nil
}

// turn turns the arm, in steps, to the angle of the goal, or until the goal is cancelled.
func turn(ctx context.Context, g *goal.Goal[Target, Progress], angle *float64) (Progress, error) {
	start, target := *angle, g.Value().Angle
	step := math.Copysign(speed*period.Seconds(), target-start)
	clock := time.NewTicker(period)
	defer clock.Stop()
	for *angle != target {
		select {
		case <-ctx.Done():
			return Progress{*angle, (*angle - start) / (target - start)}, ctx.Err()
		case <-clock.C:
		}
		if *angle += step; (target-*angle)*step < 0 {
			*angle = target
		}
		if err := g.Feedback(Progress{*angle, (*angle - start) / (target - start)}); err != nil {
			return Progress{}, err
		}
	}
	return Progress{target, 1}, nil
}
