// Subscriber prints the lines that are published on the topic "hello" until it is interrupted.
package main

import (
	"context"
	"fmt"
	"log"
	"os/signal"
	"syscall"

	"github.com/shmbus/shmbus/topic"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	p, err := topic.Join(nil)
	check(err)
	defer p.Close()
	sub, err := topic.NewSubscriber[string](ctx, p, "hello", nil)
	check(err)
	for sample, err := range sub.Samples(ctx) {
		if err != nil {
			break // interrupted
		}
		text, err := sample.Value()
		check(err)
		fmt.Println(text)
	}
}

// check ends the program at an error.
func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
