package group_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/shmbus/shmbus/group"
	"github.com/shmbus/shmbus/topic"
)

func Example() {
	dir, err := os.MkdirTemp("", "")
	check(err)
	defer os.RemoveAll(dir)
	ctx := context.Background()
	robot, err := topic.Join(&topic.Options{Dir: dir})
	check(err)
	defer robot.Close()

	worker, err := group.Join[string](ctx, robot, "robot/jobs", "workers", nil)
	check(err)
	defer worker.Close()
	jobs, err := topic.NewPublisher[string](ctx, robot, "robot/jobs", nil)
	check(err)
	_, err = jobs.Publish(ctx, "grasp")
	check(err)

	delivery, err := worker.Receive(ctx)
	check(err)
	job, err := delivery.Value()
	check(err)
	fmt.Println(job, delivery.Redelivered())
	check(delivery.Ack())
	// Output: grasp false
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
