// Hostmetrics publishes the figures of this machine as they change: load, CPUs, memory, disks, network, processes. It is a source for
// shmmon and shmrec. Package metrics lists the topics.
//
//	go run ./samples/hostmetrics                       until it is interrupted
//	go run ./samples/hostmetrics --list                list the topics of this machine
//	go run ./samples/hostmetrics --duration 10s --report json
//
// The report at the end has the publishers' own counts and rates, which other measurements can be compared with.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"text/tabwriter"

	"github.com/shmbus/shmbus/samples/hostmetrics/metrics"
	"github.com/shmbus/shmbus/samples/hostmetrics/proc"
	"github.com/shmbus/shmbus/topic"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "hostmetrics:", err)
		os.Exit(1)
	}
}

// errUsage says that the command line was wrong; the flag package has told the user.
var errUsage = errors.New("usage")

func run(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	flags := flag.NewFlagSet("hostmetrics", flag.ContinueOnError)
	flags.SetOutput(stderr)
	duration := flags.Duration("duration", 0, "end after this long; 0 = when interrupted")
	dir := flags.String("dir", "", "directory of domains (default $SHMBUS_DIR or /dev/shm/shmbus-UID)")
	domain := flags.String("domain", "", `domain to publish in (default $SHMBUS_DOMAIN or "default")`)
	rate := flags.Float64("rate", 1, "multiplies every rate, at most 100")
	root := flags.String("root", "/", "file tree whose proc directory is read, such as a host's mounted in a container")
	subscribers := flags.Int("wait-subscribers", 0, "wait until every topic has this many subscriptions")
	form := flags.String("report", "text", "form of the report at the end: text, json or none")
	list := flags.Bool("list", false, "print the topics and their rates, publish nothing")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return errUsage
	}
	write, known := forms[*form]
	if !known || flags.NArg() > 0 || *rate <= 0 {
		flags.Usage()
		return errUsage
	}
	tree := proc.At(os.DirFS(*root))
	opts := &metrics.Options{Root: &tree, Duration: *duration, Rate: *rate, Subscribers: *subscribers}
	if *list {
		plan, err := metrics.Plan(opts)
		return errors.Join(err, write(stdout, plan))
	}
	p, err := topic.Join(&topic.Options{Dir: *dir, Domain: *domain, Unit: "hostmetrics"})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	opts.Started = func(topics int) { fmt.Fprintf(stderr, "publishing %d topics in %s\n", topics, p.Dir()) }
	report, err := metrics.Run(ctx, p, opts)
	return errors.Join(err, write(stdout, report))
}

var forms = map[string]func(io.Writer, metrics.Report) error{
	"text": writeText,
	"json": func(w io.Writer, r metrics.Report) error {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(r)
	},
	"none": func(io.Writer, metrics.Report) error { return nil },
}

func writeText(w io.Writer, r metrics.Report) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "messages\tHz\tnominal Hz\tmissed\tencoding\t  topic")
	for _, t := range r.Topics {
		fmt.Fprintf(table, "%d\t%.2f\t%.2f\t%d\t%s\t  %s\n", t.Messages, t.Rate, t.Nominal, t.Missed, t.Encoding, t.Topic)
	}
	fmt.Fprintf(table, "%d\t\t\t\t\t  all\n", r.Messages)
	return table.Flush()
}
