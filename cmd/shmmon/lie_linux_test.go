package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/topic"
)

// lie publishes bytes that are no JSON as JSON on the topic that is named, then says so on liar/ready, and ends when it is interrupted.
func lie() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := tellLies(ctx, os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func tellLies(ctx context.Context, name string) error {
	p, err := topic.Join(&topic.Options{Unit: "liar"})
	if err != nil {
		return err
	}
	defer p.Close()
	liar, err := topic.NewPublisher(ctx, p, name, &topic.PublisherOptions[[]byte]{Codec: serde.Opaque(serde.Type{Encoding: serde.EncodingJSON})})
	if err != nil {
		return err
	}
	ready, err := topic.NewPublisher[bool](ctx, p, "liar/ready", nil)
	if err != nil {
		return err
	}
	for tick := time.Tick(20 * time.Millisecond); ; {
		if _, err := liar.Publish(ctx, []byte("{\x1b[2J")); err != nil {
			return err
		}
		if _, err := ready.Publish(ctx, true); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick:
		}
	}
}
