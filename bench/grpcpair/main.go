// Grpcpair measures calls of gRPC between two processes of one machine over a unix socket: the server is the first process, the client,
// which it starts itself, the second. Messages are bytes without an encoding. The socket is in the current directory. It prints a JSON
// object. The comparison builds and runs it.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/shmbus/shmbus/bench/internal/trips"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var o trips.Options
	o.Flags(flag.CommandLine)
	client := flag.Bool("client", false, "be the client")
	flag.Parse()
	run := serve
	if *client {
		run = call
	}
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "grpcpair:", err)
		stop()
		os.Exit(1)
	}
}
