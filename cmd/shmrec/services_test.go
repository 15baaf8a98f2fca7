package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"os/signal"
	"strconv"
	"time"

	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/service"
	"github.com/shmbus/shmbus/service/goal"
	"github.com/shmbus/shmbus/topic"
)

// A target is what the arm is asked to reach.
type target struct{ X int }

// serve FACTOR is a program that serves "arm/plan" and goals of "arm/move", until SIGINT.
func serve() {
	ctx, end := signal.NotifyContext(context.Background(), os.Interrupt)
	defer end()
	factor, err := strconv.Atoi(os.Args[1])
	check(err)
	p, err := topic.Join(nil)
	check(err)
	defer p.Close()
	planner, err := service.NewServer(ctx, p, "arm/plan", func(_ context.Context, call *service.Call[target, int]) (int, error) {
		if x := call.Request().X; x > 0 {
			return factor * x, nil
		}
		return 0, &service.HandlerError{Code: 7, Text: "out of reach"}
	}, &service.ServerOptions[target, int]{RequestCodec: serde.JSON[target](), ResponseCodec: serde.JSON[int]()})
	check(err)
	defer planner.Close()
	mover, err := goal.NewServer(ctx, p, "arm/move", func(_ context.Context, g *goal.Goal[target, int]) (string, error) {
		return fmt.Sprint("at ", g.Value().X), g.Feedback(g.Value().X / 2)
	}, &goal.ServerOptions[target, int, string]{GoalCodec: serde.JSON[target]()})
	check(err)
	defer mover.Close()
	<-ctx.Done()
}

// ask is a program that calls "arm/plan" twice, the second time for nothing, and has a goal of "arm/move" done.
func ask() {
	ctx, end := context.WithTimeout(context.Background(), time.Minute)
	defer end()
	p, err := topic.Join(nil)
	check(err)
	defer p.Close()
	planner, err := service.NewClient(ctx, p, "arm/plan", &service.ClientOptions[target, int]{
		RequestCodec: serde.JSON[target](), ResponseCodec: serde.JSON[int](), Wait: true,
	})
	check(err)
	defer planner.Close()
	for _, x := range []int{3, 0} {
		fmt.Println(planner.Call(ctx, target{x}))
	}
	mover, err := goal.NewClient(ctx, p, "arm/move", &goal.ClientOptions[target, int, string]{GoalCodec: serde.JSON[target](), Wait: true})
	check(err)
	defer mover.Close()
	h, err := mover.Start(ctx, target{40})
	check(err)
	fmt.Println(h.Result(ctx))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
