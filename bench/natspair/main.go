// Natspair measures NATS as a Go program would use it between two processes of one machine: a server embedded in the publisher's
// process, which the publisher reaches without a socket, and a subscriber in a second process, which it starts itself, over loopback TCP.
// With -requests the first sends requests, and the second responds. It prints a JSON object. The comparison builds and runs it.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// options are the flags.
type options struct {
	size     int
	rate     float64 // messages per second; 0 is as fast as it goes
	duration time.Duration
	requests bool
	server   string // address; set for the second process only
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var o options
	flag.IntVar(&o.size, "size", 64, "bytes of a payload")
	flag.Float64Var(&o.rate, "rate", 0, "messages per second (default: as fast as it goes)")
	flag.DurationVar(&o.duration, "duration", time.Second, "how long to measure")
	flag.BoolVar(&o.requests, "requests", false, "measure round trips of requests")
	flag.StringVar(&o.server, "subscribe", "", "address of the server: be the second process")
	flag.Parse()
	run := publish
	switch second := o.server != ""; {
	case second && o.requests:
		run = respond
	case second:
		run = subscribe
	}
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "natspair:", err)
		stop()
		os.Exit(1)
	}
}
