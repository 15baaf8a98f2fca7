package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/shmbus/shmbus/cmd/shmrec/internal/command"
)

func main() { os.Exit(run()) }

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// The first signal ends the recording in order. Should that hang (a disk that does not answer), the second one kills.
	context.AfterFunc(ctx, stop)
	return command.Run(ctx, os.Args[1:], os.Stdout, os.Stderr)
}
