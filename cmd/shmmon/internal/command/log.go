package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/shmbus/shmbus/cmd/internal/cli"
	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/logtopics"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/watch"
	"github.com/shmbus/shmbus/shmtransport"
	"github.com/shmbus/shmbus/topic"
)

// A logEntry is a line of the log, in JSON.
type logEntry struct {
	Time  time.Time `json:"time"`
	Kind  string    `json:"kind"`
	Topic string    `json:"topic"`
	Unit  string    `json:"unit"`
	PID   int       `json:"pid"`
	Level string    `json:"level"` // of what a program logs; empty otherwise
	Name  string    `json:"name"`
	Text  string    `json:"text"`
	Where string    `json:"where"` // file and line
}

// Kinds of entries beside those of watch.Log.
const (
	kindLog     = "log"
	kindJoined  = "joined"
	kindLeft    = "left"
	kindDied    = "died"
	kindAdded   = "added"
	kindRemoved = "removed"
	kindMissed  = "missed" // by this command
)

func kinds() []string {
	all := []string{kindLog, kindJoined, kindLeft, kindDied, kindAdded, kindRemoved}
	for _, k := range scannedKinds() {
		all = append(all, string(k))
	}
	return append(all, kindMissed)
}

// scannedKinds are the kinds that are found by scans. The others of watch.Log are events of the participant, which come at once.
func scannedKinds() []watch.EntryKind {
	return []watch.EntryKind{watch.Stopped, watch.Continued, watch.Mismatched, watch.Losing, watch.Undecodable, watch.Failing, watch.WentStale, watch.Resumed}
}

// logOptions are the flags of log.
type logOptions struct {
	n        int
	duration time.Duration
	interval time.Duration
	history  int
	level    string
	kinds    []string
	all      bool
}

func (a *app) log() *cobra.Command {
	var o logOptions
	cmd := &cobra.Command{
		Use:   "log",
		Short: "Print what happens in the domain, and what programs log",
		Long: `Print what happens in the domain as it happens: processes that join, leave, die, stop and go on, publishers and subscriptions that
come and go, types that do not match, losses, messages that cannot be decoded, publishes that fail, topics that go stale. And what
programs log with the slog handler of package messages/slogtopic, or on any topic of type rcl_interfaces/msg/Log or foxglove.Log.

It goes on until it is interrupted, unless -n or --duration say when to end. It takes no part in the domain: no publisher waits for it, and
what a program logs faster than this prints is missed and counted.`,
		Example: `  shmmon log
  shmmon log --duration 10s --kind log --level warn
  shmmon log --json | jq -r 'select(.kind == "died") | .unit'`,
		Args: cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case o.n < 0:
				return cli.Usagef(cmd, "--count %d is negative", o.n)
			case o.duration < 0:
				return cli.Usagef(cmd, "--duration %v is negative", o.duration)
			case o.history < 0 || o.history > shmtransport.MaxDepth:
				return cli.Usagef(cmd, "--history %d is not between 0 and %d", o.history, shmtransport.MaxDepth)
			case o.interval < minWatch || o.interval > time.Hour:
				return cli.Usagef(cmd, "--interval %v is not between %v and 1h", o.interval, minWatch)
			case !slices.Contains(logtopics.Levels(), o.level):
				return cli.Usagef(cmd, "--level %.100q is none of %s", o.level, strings.Join(logtopics.Levels(), ", "))
			}
			for _, k := range o.kinds {
				if !slices.Contains(kinds(), k) {
					return cli.Usagef(cmd, "--kind %.100q is none of %s", k, strings.Join(kinds(), ", "))
				}
			}
			return a.runLog(cmd.Context(), o)
		},
	}
	fl := cmd.Flags()
	fl.IntVarP(&o.n, "count", "n", 0, "end after so many entries; 0 is until interrupted")
	fl.DurationVar(&o.duration, "duration", 0, "end after this time; 0 is until interrupted")
	fl.DurationVar(&o.interval, "interval", time.Second, "time between two scans for losses, mismatches and stopped processes")
	fl.IntVar(&o.history, "history", 0, "begin with up to so many earlier entries of each program's log")
	fl.StringVar(&o.level, "level", "debug", "least level of what programs log: "+strings.Join(logtopics.Levels(), ", "))
	allFlag(cmd, &o.all)
	fl.StringSliceVar(&o.kinds, "kind", nil, "print only these kinds: "+strings.Join(kinds(), ", "))
	for flag, values := range map[string][]string{"level": logtopics.Levels(), "kind": kinds()} {
		_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)) // fails only for unknown flags
	}
	return a.tabular(cmd)
}

func (a *app) runLog(ctx context.Context, o logOptions) error {
	source, _, err := a.open()
	if err != nil {
		return err
	}
	defer source.Close()
	self, err := topic.Join(&topic.Options{Dir: a.Dir, Domain: a.Domain, Unit: "shmmon", ReadOnly: true})
	if err != nil {
		return err
	}
	defer self.Close()
	defer a.Streaming(ctx)()
	end, cancel := context.WithCancel(ctx)
	if o.duration > 0 {
		end, cancel = context.WithTimeout(ctx, o.duration)
	}
	defer cancel()
	g := newGatherer(self, source, o)
	defer g.wait()
	defer cancel() // before wait
	g.start(end)

	for printed := 0; o.n == 0 || printed < o.n; {
		select {
		case e := <-g.entries:
			if !o.shows(e) {
				continue
			}
			if err := a.row(e, func(w io.Writer) error { return writeEntry(w, e) }); err != nil {
				return err
			}
			printed++
		case err := <-g.failed:
			return err
		case <-end.Done():
			if o.n > 0 && o.duration == 0 {
				return fmt.Errorf("interrupted, %d of %d printed", printed, o.n)
			}
			if o.duration > 0 && !errors.Is(end.Err(), context.DeadlineExceeded) {
				return cli.ErrInterrupted
			}
			return nil
		}
	}
	return nil
}

func (o *logOptions) shows(e logEntry) bool {
	if len(o.kinds) > 0 && !slices.Contains(o.kinds, e.Kind) {
		return false
	}
	return e.Kind != kindLog || slices.Index(logtopics.Levels(), e.Level) >= slices.Index(logtopics.Levels(), o.level)
}

// maxShown is how much of a program's text is shown in a line; --json has all of it.
const maxShown = 4096

func writeEntry(w io.Writer, e logEntry) error {
	var b strings.Builder
	kind := e.Kind
	if e.Level != "" {
		kind = strings.ToUpper(e.Level)
	}
	fmt.Fprintf(&b, "%s  %-11s ", e.Time.Local().Format("15:04:05.000"), kind)
	subject := e.Unit
	if e.Kind == kindLog && e.Name != "" {
		subject = e.Name
	}
	if e.PID != 0 && e.Kind != kindLog {
		subject += fmt.Sprintf(" (pid %d)", e.PID)
	}
	said := e.Text
	if len(said) > maxShown {
		said = strings.ToValidUTF8(said[:maxShown], "") + fmt.Sprintf("… %d more bytes", len(said)-maxShown)
	}
	parts := []string{}
	for _, part := range []string{subject, said} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	line := strings.Join(parts, ": ")
	if e.Kind != kindLog && e.Topic != "" {
		line = e.Topic + "  " + line
	}
	if e.Where != "" {
		line += " (" + e.Where + ")"
	}
	b.WriteString(text.Escape(line))
	b.WriteByte('\n')
	_, err := io.WriteString(w, b.String())
	return err
}

// scan adds entries of what the figures of the domain say, until ctx ends.
func (g *gatherer) scan(ctx context.Context, source watch.Source, interval time.Duration) {
	tracker, log := watch.NewTracker(nil), watch.Log{}
	for {
		s, err := source.Snapshot()
		if err != nil {
			g.fail(err)
			return
		}
		v := tracker.Add(s)
		if !g.options.all {
			v = v.ForApplications()
		}
		news, _ := log.Add(tracker, v)
		for _, e := range news {
			if slices.Contains(scannedKinds(), e.Kind) {
				g.add(ctx, logEntry{Time: time.Now(), Kind: string(e.Kind), Topic: e.Topic, Unit: e.Unit, PID: e.PID, Text: e.Text})
			}
		}
		if pause(ctx, interval) != nil {
			return
		}
	}
}
