package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/shmbus/shmbus/internal/subproc"
)

func main() {
	if _, ok := subproc.Role(os.Args[1:]); ok {
		os.Exit(childMain())
	}
	os.Exit(demoMain(os.Args[1:], os.Stdout, os.Stderr))
}

func demoMain(args []string, stdout *os.File, stderr io.Writer) int {
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	flags.SetOutput(stderr)
	var c config
	flags.DurationVar(&c.duration, "duration", 5*time.Second, "how long to record; the replay takes as long again")
	flags.Float64Var(&c.rate, "rate", 1, "multiplies the rates of hostmetrics, at most 100")
	flags.StringVar(&c.dir, "dir", "/dev/shm", "where to make the private domains: a directory on a tmpfs")
	flags.StringVar(&c.keep, "keep", "", "keep the recording as this file")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		return 2
	}
	if c.duration <= 0 || c.duration > maxDuration || c.rate <= 0 || flags.NArg() > 0 {
		fmt.Fprintf(stderr, "demo: no arguments, a rate above 0 and a duration of at most %v, please\n", maxDuration)
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	ok, err := run(ctx, c, newScreen(stdout))
	if err != nil {
		fmt.Fprintln(stderr, "demo failed:", err)
		return 1
	}
	fmt.Fprintln(stdout, ok)
	return 0
}
