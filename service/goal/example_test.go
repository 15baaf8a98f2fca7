package goal_test

import (
	"context"
	"fmt"
	"os"

	"github.com/shmbus/shmbus/service/goal"
	"github.com/shmbus/shmbus/topic"
)

// A goal tells its progress and has a result.
func Example() {
	ctx := context.Background()
	robot, operator, leave := participants()
	defer leave()
	server, err := goal.NewServer(ctx, robot, "arm/move", func(ctx context.Context, g *goal.Goal[float64, float64]) (string, error) {
		check(g.Feedback(g.Value() / 2))
		return "there", ctx.Err()
	}, nil)
	check(err)
	defer server.Close()
	client, err := goal.NewClient[float64, float64, string](ctx, operator, "arm/move", nil)
	check(err)
	defer client.Close()
	h, err := client.Start(ctx, 90)
	check(err)
	for angle, err := range h.Feedback(ctx) {
		fmt.Println("at", angle, err)
	}
	fmt.Println(h.Result(ctx))
	// Output:
	// at 45 <nil>
	// there <nil>
}

// A handler ends when its goal is cancelled, and may return what it has.
func ExampleHandle_Cancel() {
	ctx := context.Background()
	robot, operator, leave := participants()
	defer leave()
	server, err := goal.NewServer(ctx, robot, "arm/move", func(ctx context.Context, g *goal.Goal[int, int]) (string, error) {
		check(g.Feedback(45))
		<-ctx.Done()
		return "half way", ctx.Err()
	}, nil)
	check(err)
	defer server.Close()
	client, err := goal.NewClient[int, int, string](ctx, operator, "arm/move", nil)
	check(err)
	defer client.Close()
	h, err := client.StartWithID(ctx, goal.ID{15: 1}, 90)
	check(err)
	for range h.Feedback(ctx) {
		check(h.Cancel(ctx)) // returns when it is granted; the loop and Result wait for the end
	}
	fmt.Println(h.Result(ctx))
	// Output: half way goal 00000000000000000000000000000001 of "arm/move": the goal was cancelled: a client cancelled the goal
}

// participants joins twice, as two processes would.
func participants() (robot, operator *topic.Participant, leave func()) {
	dir, err := os.MkdirTemp("", "shmbus-example-")
	check(err)
	robot, err = topic.Join(&topic.Options{Dir: dir, Unit: "robot"})
	check(err)
	operator, err = topic.Join(&topic.Options{Dir: dir})
	check(err)
	return robot, operator, func() {
		check(operator.Close())
		check(robot.Close())
		check(os.RemoveAll(dir))
	}
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
