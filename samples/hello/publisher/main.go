// Publisher sends "hello 1", "hello 2" and so on, on the topic "hello", until it is interrupted.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os/signal"
	"syscall"
	"time"

	"github.com/shmbus/shmbus/topic"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	p, err := topic.Join(nil)
	check(err)
	defer p.Close()
	pub, err := topic.NewPublisher[string](ctx, p, "hello", nil)
	check(err)
	for n := 1; ctx.Err() == nil; n++ {
		reached, err := pub.Publish(ctx, fmt.Sprintf("hello %d", n))
		check(err)
		fmt.Printf("hello %d reached %d subscriptions\n", n, reached)
		time.Sleep(time.Second / 2)
	}
}

// check ends the program at an error. Being interrupted is none.
func check(err error) {
	if err != nil && !errors.Is(err, context.Canceled) {
		log.Fatal(err)
	}
}
