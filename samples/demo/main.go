// Demo shows all of shmbus in one command: real data is published, watched, recorded, replayed and compared.
//
//	go run ./samples/demo
//
// It starts hostmetrics, a subscriber and a lossless recorder as processes in a new private domain, and shows what the subscriber
// receives. It then replays the recording at its own pace into a second new domain with another recorder and another subscriber, and
// compares the two recordings message by message. The numbers of messages published, received, recorded, replayed and recorded again
// must be equal on every topic.
//
// It ends with one line "demo ok: ..." and exit code 0, or prints the difference and exits with 1. It leaves no process and no domain
// behind, except that SIGKILL of the parent leaves the empty domains and the files.
//
// The processes are this program started again. The parent sends each a request as the first line of its standard input, and closes
// the input to stop it. A child therefore also ends when its parent ends. Children reply with lines of JSON.
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
