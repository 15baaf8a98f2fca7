// Compare runs shmbus and others side by side, on the same work and in turns, and prints a table of medians and ratios.
//
//	go run ./compare
//
// README.md lists the required programs, and says what each figure is and what is fair about it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/shmbus/shmbus/bench/internal/env"
	"github.com/shmbus/shmbus/bench/internal/history"
	"github.com/shmbus/shmbus/bench/internal/peers"
	"github.com/shmbus/shmbus/bench/internal/plan"
)

const usage = `compare runs shmbus and others side by side, in turns, and prints a table of medians and ratios.

  --rounds N       runs of each workload per system (default 5)
  --only NAME,...  only these peers or workloads
  --skip NAME,...  without these
  --smoke          one very short round, to see that everything works; its figures mean nothing
  --all            a system that is not installed is a failure
  --json           print JSON
  --out FILE       write the table to a file too
  --history FILE   add the figures of a full run to this file (default history.jsonl; empty: do not)
  --document       run nothing; write the bars and the figures of the history into ../docs/performance.md

Exit codes: 0 done, 1 something did not work (or was missing, with --all), 2 wrong usage, 130 interrupted.
`

// options are the flags of the command line.
type options struct {
	rounds     int
	only, skip []string
	smoke, all bool
	json       bool
	out        string
	history    string
	document   bool
}

// full reports whether the run belongs into the history.
func (o options) full() bool {
	return !o.smoke && len(o.only) == 0 && len(o.skip) == 0 && o.history != ""
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	o, code := parse(os.Args[1:])
	if code < 0 {
		code = run(ctx, o)
	}
	stop()
	os.Exit(code)
}

// parse returns the options and -1, or an exit code.
func parse(args []string) (o options, code int) {
	f := flag.NewFlagSet("compare", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	list := func(into *[]string) func(string) error {
		return func(s string) error { *into = append(*into, strings.Split(s, ",")...); return nil }
	}
	f.IntVar(&o.rounds, "rounds", 5, "")
	f.Func("only", "", list(&o.only))
	f.Func("skip", "", list(&o.skip))
	f.BoolVar(&o.smoke, "smoke", false, "")
	f.BoolVar(&o.all, "all", false, "")
	f.BoolVar(&o.json, "json", false, "")
	f.StringVar(&o.out, "out", "", "")
	f.StringVar(&o.history, "history", "history.jsonl", "")
	f.BoolVar(&o.document, "document", false, "")
	err := f.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Print(usage)
		return o, 0
	case err == nil && f.NArg() > 0:
		err = fmt.Errorf("unexpected argument %q", f.Arg(0))
	case err == nil && o.rounds < 1:
		err = fmt.Errorf("--rounds %d: at least 1", o.rounds)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "compare: %v\n\n%s", err, usage)
		return o, 2
	}
	if o.smoke {
		o.rounds = 1
	}
	return o, -1
}

func run(ctx context.Context, o options) (code int) {
	if o.document {
		if err := document(performance, o.history); err != nil {
			fmt.Fprintln(os.Stderr, "compare:", err)
			return 1
		}
		return 0
	}
	if _, err := plan.Select((&plan.Programs{}).Workloads(), o.only, o.skip); err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		return 2
	}
	e, err := env.Open(ctx, o.smoke)
	if err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		return 1
	}
	code, err = compare(ctx, o, e)
	err = errors.Join(err, e.Close())
	switch {
	case ctx.Err() != nil:
		fmt.Fprintln(os.Stderr, "compare: interrupted")
		return 130
	case err != nil:
		fmt.Fprintln(os.Stderr, "compare:", err)
		return 1
	}
	return code
}

func compare(ctx context.Context, o options, e *env.Environment) (code int, err error) {
	programs := plan.Programs{Env: e, NATS: peers.NewNATS(e), GRPC: peers.NewGRPC(e), OneThread: peers.NewOneThread(e)}
	if programs.Shmperf, err = peers.BuildShmperf(ctx, e); err != nil {
		return 1, err
	}
	workloads, err := plan.Select(programs.Workloads(), o.only, o.skip)
	if err != nil {
		return 2, err
	}
	if slices.ContainsFunc(workloads, func(w plan.Workload) bool { return w.Key == plan.Calls }) { // which may take longer than a turn
		if err := programs.OneThread.Build(ctx); err != nil {
			return 1, err
		}
	}
	results, err := plan.Interleave(ctx, workloads, o.rounds, programs.Probe, func(s string) { fmt.Fprintln(os.Stderr, s) })
	if err != nil {
		return 1, err
	}
	r := newReport(o, workloads, results)
	if err := r.print(o); err != nil {
		return 1, err
	}
	if o.full() {
		err = history.Append(o.history, r.entries(o.rounds))
	}
	return r.verdict(o.all), err
}
