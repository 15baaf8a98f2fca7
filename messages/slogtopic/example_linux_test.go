package slogtopic_test

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"os"

	"github.com/shmbus/shmbus/messages"
	"github.com/shmbus/shmbus/messages/slogtopic"
	"github.com/shmbus/shmbus/topic"
)

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func Example() {
	dir, err := os.MkdirTemp("/dev/shm", "shmbus-example-")
	check(err)
	defer os.RemoveAll(dir)
	p, err := topic.Join(&topic.Options{Dir: dir, Unit: "planner"}) // a program calls topic.Join(nil)
	check(err)
	defer p.Close()
	ctx := context.Background()

	h, err := slogtopic.New(ctx, p, &slogtopic.Options{Name: "planner"})
	check(err)
	defer h.Close()
	logger := slog.New(h)

	sub, err := topic.NewSubscriber(ctx, p, "log", &topic.SubscriberOptions[messages.Log]{Codec: messages.CDR[messages.Log]()})
	check(err)
	logger.Warn("no way to the goal", "x", 1.5, "y", 2)
	sample, err := sub.Receive(ctx)
	check(err)
	defer sample.Release()
	l, err := sample.Value()
	check(err)
	fmt.Println(l.Level, l.Name, l.Msg)
	// Output: 30 planner no way to the goal x=1.5 y=2
}
