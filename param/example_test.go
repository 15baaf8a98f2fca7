package param_test

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/shmbus/shmbus/param"
	"github.com/shmbus/shmbus/topic"
)

// The owner declares a parameter; another process reads and sets it.
func Example() {
	ctx := context.Background()
	robot, operator, leave := participants()
	defer leave()
	server, err := param.NewServer(ctx, robot)
	check(err)
	defer server.Close()
	speed, err := param.Declare(ctx, server, "speed", 1.5, &param.Options[float64]{Description: "m/s", Validate: positive})
	check(err)
	client, err := param.Open(ctx, operator, "robot")
	check(err)
	defer client.Close()
	check(client.Set(ctx, "speed", param.Of(2.5)))
	fmt.Println(speed.Get(), client.Set(ctx, "speed", param.Of(-1.0)))
	fmt.Println(param.Get[float64](client, "speed"))
	// Output:
	// 2.5 set parameter "speed": the value was refused: must be positive
	// 2.5 <nil>
}

func positive(v float64) error {
	if v <= 0 {
		return errors.New("must be positive")
	}
	return nil
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
