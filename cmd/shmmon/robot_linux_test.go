package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"

	"github.com/shmbus/shmbus/internal/testpb"
	"github.com/shmbus/shmbus/param"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/serde/jsonschema"
	"github.com/shmbus/shmbus/serde/protobuf"
	"github.com/shmbus/shmbus/service"
	"github.com/shmbus/shmbus/service/goal"
	"github.com/shmbus/shmbus/topic"
)

// robot is a program for the scripts that has services, goals and parameters until it is interrupted. It says on robot/ready that they are
// there, and on robot/moving that a goal runs.
func robot() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := runRobot(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

type (
	move  struct{ To float64 }
	angle struct{ Degrees float64 }
	path  struct {
		To    []float64
		Speed float64 `msgpack:",omitempty"`
	}
)

func runRobot(ctx context.Context) error {
	p, err := topic.Join(&topic.Options{Unit: "robot"})
	if err != nil {
		return err
	}
	defer p.Close()
	if _, err := service.NewServer(ctx, p, "robot/greet", func(_ context.Context, call *service.Call[string, string]) (string, error) {
		if call.Request() == "" {
			return "", &service.HandlerError{Code: 7, Text: "there is no name", Value: []byte("!")}
		}
		return "hello " + call.Request(), nil
	}, nil); err != nil {
		return err
	}
	if _, err := service.NewStreamServer(ctx, p, "robot/count", func(ctx context.Context, call *service.Call[int, int]) error {
		for i := range call.Request() {
			if err := call.Send(ctx, i); err != nil {
				return err
			}
		}
		return nil
	}, nil); err != nil {
		return err
	}
	if _, err := service.NewServer(ctx, p, "robot/mirror", func(_ context.Context, call *service.Call[*testpb.Pose, *testpb.Pose]) (*testpb.Pose, error) {
		call.Request().GetPosition().X *= -1
		return call.Request(), nil
	}, &service.ServerOptions[*testpb.Pose, *testpb.Pose]{RequestCodec: protobuf.Codec[*testpb.Pose](), ResponseCodec: protobuf.Codec[*testpb.Pose]()}); err != nil {
		return err
	}
	paths, err := jsonschema.Codec(serde.MsgPack[path]())
	if err != nil {
		return err
	}
	if _, err := service.NewServer(ctx, p, "robot/plan", func(_ context.Context, call *service.Call[path, float64]) (float64, error) {
		return call.Request().Speed, nil
	}, &service.ServerOptions[path, float64]{RequestCodec: paths}); err != nil {
		return err
	}
	angles, err := jsonschema.Codec(serde.MsgPack[angle]())
	if err != nil {
		return err
	}
	if _, err := service.NewServer(ctx, p, "robot/measure", func(context.Context, *service.Call[bool, angle]) (angle, error) {
		return angle{30}, nil
	}, &service.ServerOptions[bool, angle]{ResponseCodec: angles}); err != nil {
		return err
	}
	if _, err := service.NewServer(ctx, p, "robot/wait", func(ctx context.Context, _ *service.Call[bool, bool]) (bool, error) {
		<-ctx.Done()
		return false, ctx.Err()
	}, &service.ServerOptions[bool, bool]{Concurrency: 1}); err != nil {
		return err
	}
	if err := keepBusy(ctx, p); err != nil {
		return err
	}
	moving, err := topic.NewPublisher(ctx, p, "robot/moving", &topic.PublisherOptions[bool]{Latched: true})
	if err != nil {
		return err
	}
	if _, err := goal.NewServer(ctx, p, "robot/move", func(ctx context.Context, g *goal.Goal[move, angle]) (angle, error) {
		return moveTo(ctx, g, moving)
	}, &goal.ServerOptions[move, angle, angle]{Admit: func(_ context.Context, g *goal.Goal[move, angle]) error {
		if g.Value().To > 360 {
			return &service.HandlerError{Code: 3, Text: "it goes round"}
		}
		return nil
	}}); err != nil {
		return err
	}
	if err := declare(ctx, p); err != nil {
		return err
	}
	ready, err := topic.NewPublisher(ctx, p, "robot/ready", &topic.PublisherOptions[bool]{Latched: true})
	if err != nil {
		return err
	}
	if _, err := ready.Publish(ctx, true); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// keepBusy serves robot/busy, whose one handler runs to the end, and sends it two requests more.
func keepBusy(ctx context.Context, p *topic.Participant) error {
	started := make(chan struct{})
	_, err := service.NewServer(ctx, p, "robot/busy", func(ctx context.Context, _ *service.Call[bool, bool]) (bool, error) {
		close(started)
		<-ctx.Done()
		return false, ctx.Err()
	}, &service.ServerOptions[bool, bool]{Concurrency: 1})
	if err != nil {
		return err
	}
	c, err := service.NewClient[bool, bool](ctx, p, "robot/busy", nil)
	if err != nil {
		return err
	}
	if err := c.Send(ctx, true); err != nil {
		return err
	}
	<-started
	return errors.Join(c.Send(ctx, true), c.Send(ctx, true))
}

// moveTo succeeds for an angle of up to 90, and otherwise goes on until it is cancelled.
func moveTo(ctx context.Context, g *goal.Goal[move, angle], moving *topic.Publisher[bool]) (angle, error) {
	to := g.Value().To
	if to < 0 {
		return angle{}, errors.New("the joint has no negative angles")
	}
	if err := g.Feedback(angle{to / 2}); err != nil {
		return angle{}, err
	}
	if to <= 90 {
		return angle{to}, nil
	}
	if _, err := moving.Publish(ctx, true); err != nil {
		return angle{}, err
	}
	<-ctx.Done()
	return angle{to / 2}, ctx.Err()
}

func declare(ctx context.Context, p *topic.Participant) error {
	s, err := param.NewServer(ctx, p)
	if err != nil {
		return err
	}
	_, err = param.Declare(ctx, s, "arm/speed", 0.5, &param.Options[float64]{Description: "degrees per second", Validate: func(v float64) error {
		if v > 10 {
			return errors.New("more than 10 breaks the arm")
		}
		return nil
	}})
	if err == nil {
		_, err = param.Declare(ctx, s, "arm/joints", []int64{1, 2}, nil)
	}
	if err == nil {
		_, err = param.Declare(ctx, s, "name", "marvin", &param.Options[string]{ReadOnly: true})
	}
	return err
}
