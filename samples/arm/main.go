// Arm shows a goal: a robot arm with one joint turns to an angle, tells its progress, and can be stopped on the way.
//
//	go run ./samples/arm --to 90
//
// It starts the arm as a process of its own and sends it the goal. On a terminal it shows the progress. Ctrl-C cancels the goal: the arm
// stops at once, and the result is where it is. The last line has the result. The exit code is 0 when the arm is there, 130 when the
// goal was cancelled, and 1 when it was rejected or failed.
//
// With --serve it is the arm alone, for goals from elsewhere. With --connect it sends the goal to an arm that runs already.
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

	"github.com/shmbus/shmbus/internal/subproc"
	"github.com/shmbus/shmbus/service"
	"github.com/shmbus/shmbus/service/goal"
	"github.com/shmbus/shmbus/topic"
)

// Codes of exit.
const (
	exitFailed      = 1
	exitUsage       = 2
	exitInterrupted = 128 + int(syscall.SIGINT)
)

func main() {
	if _, ok := subproc.Role(os.Args[1:]); ok {
		signal.Ignore(os.Interrupt) // Ctrl-C reaches both processes; this one ends with its parent
		exit(subproc.Serve(context.Background(), subproc.Input(), os.Stdout, serveChild))
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program
	exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

var errUsage = errors.New("the command line is wrong")

func exit(err error) {
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		os.Exit(0)
	case errors.Is(err, errUsage):
		os.Exit(exitUsage)
	case errors.Is(err, goal.ErrCancelled), errors.Is(err, context.Canceled): // the second: before the goal was accepted
		os.Exit(exitInterrupted)
	}
	if call := (*service.CallError)(nil); errors.As(err, &call) && call.Err == service.ErrNoServer {
		err = errors.New("no arm runs in this domain; --serve starts one, and without --connect this program has its own")
	}
	fmt.Fprintln(os.Stderr, "arm:", err)
	os.Exit(exitFailed)
}

func run(ctx context.Context, args []string, stdout io.Writer, stderr *os.File) error {
	flags := flag.NewFlagSet("arm", flag.ContinueOnError)
	flags.SetOutput(stderr)
	to := flags.Float64("to", 90, fmt.Sprintf("the angle in degrees, at most %v to either side", maxAngle))
	alone := flags.Bool("serve", false, "be the arm alone, until it is interrupted")
	connect := flags.Bool("connect", false, "send the goal to an arm that runs already")
	if err := flags.Parse(args); err != nil {
		return errors.Join(errUsage, err)
	}
	wrong := ""
	switch {
	case flags.NArg() > 0:
		wrong = fmt.Sprintf("it takes no argument, so %q is one too many; --to gives the angle", flags.Arg(0))
	case *alone && *connect:
		wrong = "--serve and --connect exclude each other: one is the arm, the other sends a goal to it"
	}
	if wrong != "" {
		fmt.Fprintln(stderr, "arm: "+wrong)
		return errUsage
	}
	if *alone {
		return serve(ctx, func() error { return nil })
	}
	if !*connect {
		group := subproc.New(context.WithoutCancel(ctx), nil)
		defer group.StopAll()
		child, err := group.Start("arm", nil)
		if err != nil {
			return err
		}
		if err := child.Ready(); err != nil {
			return err
		}
	}
	p, err := topic.Join(nil)
	if err != nil {
		return err
	}
	defer p.Close()
	return move(ctx, p, *to, stdout, newBar(stderr))
}
