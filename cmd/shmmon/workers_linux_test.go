package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	"github.com/shmbus/shmbus/group"
	"github.com/shmbus/shmbus/topic"
)

// workers is a program for the scripts that shares six samples of robot/jobs among two members of a group until it is interrupted: one is
// acknowledged, one was returned, and two are with the members. It says on workers/ready that this is so.
func workers() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := runWorkers(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func runWorkers(ctx context.Context) error {
	p, err := topic.Join(&topic.Options{Unit: "workshop"})
	if err != nil {
		return err
	}
	defer p.Close()
	jobs, err := topic.NewPublisher[int](ctx, p, "robot/jobs", nil)
	if err != nil {
		return err
	}
	var members []*group.Member[int]
	for range 2 {
		m, err := group.Join(ctx, p, "robot/jobs", "workers", &group.Options[int]{MaxOutstanding: 2})
		if err != nil {
			return err
		}
		defer m.Close()
		members = append(members, m)
	}
	for i := range 6 {
		if _, err := jobs.Publish(ctx, i); err != nil {
			return err
		}
	}
	var deliveries []group.Delivery[int]
	for i := range 4 {
		d, err := members[i%2].Receive(ctx)
		if err != nil {
			return err
		}
		deliveries = append(deliveries, d)
	}
	if err := deliveries[0].Ack(); err != nil {
		return err
	}
	if err := deliveries[1].Return(); err != nil {
		return err
	}
	ready, err := topic.NewPublisher(ctx, p, "workers/ready", &topic.PublisherOptions[bool]{Latched: true})
	if err != nil {
		return err
	}
	if _, err := ready.Publish(ctx, true); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}
