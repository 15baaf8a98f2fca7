package command

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/shmbus/shmbus/cmd/internal/cli"
	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/rules"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/watch"
)

// An alertReport is an alert in JSON. Texts that do not apply are empty, numbers 0.
type alertReport struct {
	Rule        string  `json:"rule"`
	What        string  `json:"what"`
	Topic       string  `json:"topic"`
	Participant string  `json:"participant"`
	Unit        string  `json:"unit"`
	PID         int     `json:"pid"`
	Value       float64 `json:"value"` // seconds, messages, messages per second or percent
	Limit       float64 `json:"limit"`
}

func reportAlert(alert rules.Alert) alertReport {
	r := alertReport{Rule: string(alert.Kind), What: alert.What, Topic: alert.Topic, Unit: alert.Participant.Unit, PID: alert.Participant.PID,
		Value: round(alert.Value), Limit: round(alert.Limit)}
	if alert.Participant.ID != 0 {
		r.Participant = alert.Participant.ID.String()
	}
	return r
}

// A checkFlags is the rules that flags give.
type checkFlags struct {
	file             string
	age, latency     time.Duration
	minRate, maxRate float64
	lost, lag        int64
	minFree          float64
	decode           bool
	measure          time.Duration
}

func (a *app) check() *cobra.Command {
	var f checkFlags
	cmd := &cobra.Command{
		Use:   "check [TOPIC...]",
		Short: "Check the domain against thresholds, for scripts and health probes",
		Long: `Check the domain against thresholds, and end with an exit code that says whether all is well.

Without --rules the rules are: no dead or stopped processes, 10 % of the file system free, and of all topics no stale one, no
subscription of another type, and nothing lost or not decoded while it measures. --rules FILE takes the place of these; docs/shmmon.md
shows a file. Flags add to either: they hold for the TOPICs, which must have a publisher, or for all topics. TOPIC may be a pattern.

Exit codes: 0 all is well, 1 there is no such domain, or it or the file could not be read, 2 wrong usage, 3 something is not.`,
		Example: `  shmmon check
  shmmon check robot/pose --min-rate 9 --max-age 1s
  shmmon check --rules robot.toml --json | jq -r '.alerts[].what'`,
		Args:              manyPatterns,
		ValidArgsFunction: a.complete,
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&f.decode, "decode", false, "decode the newest message of each topic: its bytes must be of its type")
	measureFlag(cmd, &f.measure)
	return a.repeatable(cmd, func(cmd *cobra.Command, args []string) error {
		r, err := f.rules(cmd, args)
		if err != nil {
			return err
		}
		return a.runCheck(cmd, r, f)
	})
}

// add adds the flags that say which rules hold.
func (f *checkFlags) add(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringVar(&f.file, "rules", "", "file of rules, instead of the default ones")
	fl.DurationVar(&f.age, "max-age", 0, "greatest age of the newest message")
	fl.DurationVar(&f.latency, "max-latency", 0, "greatest 99th percentile of the delay from publish to take")
	fl.Float64Var(&f.minRate, "min-rate", 0, "least messages per second")
	fl.Float64Var(&f.maxRate, "max-rate", 0, "most messages per second")
	fl.Int64Var(&f.lost, "max-lost", 0, "most messages that a subscription may lose while this measures, or between two scans of the live table")
	fl.Int64Var(&f.lag, "max-lag", 0, "most messages that a subscription may be behind")
	fl.Float64Var(&f.minFree, "min-free", 0, "least percent of the file system that is free")
	_ = cmd.MarkFlagFilename("rules") // fails only for a flag that does not exist
}

// given reports whether there is one of these flags.
func (f *checkFlags) given(cmd *cobra.Command) bool {
	names := []string{"rules", "max-age", "max-latency", "min-rate", "max-rate", "max-lost", "max-lag", "min-free"}
	return slices.ContainsFunc(names, cmd.Flags().Changed)
}

// check refuses what no rule can have, before the flags are rules, of which an error would not name the flag.
func (f *checkFlags) check(cmd *cobra.Command) error {
	for name, positive := range map[string]bool{"min-free": false, "min-rate": false, "max-rate": true, "max-age": true, "max-latency": true, "max-lost": false, "max-lag": false} {
		flag := cmd.Flags().Lookup(name)
		switch v := flag.Value.String(); {
		case !flag.Changed:
		case strings.HasPrefix(v, "-"):
			return cli.Usagef(cmd, "--%s %s is negative", name, v)
		case v == "NaN" || v == "+Inf":
			return cli.Usagef(cmd, "--%s %s is no number to compare with", name, v)
		case positive && (v == "0" || v == "0s"):
			return cli.Usagef(cmd, "--%s %s would not be checked: it must be positive", name, v)
		}
	}
	switch {
	case f.minFree > 100:
		return cli.Usagef(cmd, "--min-free %v is not a percentage from 0 to 100", f.minFree)
	case f.maxRate > 0 && f.minRate > f.maxRate:
		return cli.Usagef(cmd, "--min-rate %v is above --max-rate %v", f.minRate, f.maxRate)
	}
	return nil
}

// rules returns the rules of the file, or the default ones, with those of the flags.
func (f *checkFlags) rules(cmd *cobra.Command, patterns []string) (*rules.Rules, error) {
	r := rules.Default()
	if f.file != "" {
		var err error
		if r, err = loadRules(cmd.Context(), f.file); err != nil {
			return nil, err
		}
	}
	if err := f.check(cmd); err != nil {
		return nil, err
	}
	given := cmd.Flags().Changed
	if given("min-free") {
		r.Domain.MinFree = f.minFree
	}
	t := rules.Topic{Required: len(patterns) > 0, Undecodable: f.decode, MinRate: f.minRate, MaxRate: f.maxRate,
		MaxAge: rules.Duration(f.age), MaxLatency: rules.Duration(f.latency)}
	if given("max-lost") {
		t.MaxLost = &f.lost
	}
	if given("max-lag") {
		t.MaxLag = &f.lag
	}
	none := t == rules.Topic{}
	if len(patterns) == 0 {
		patterns = []string{"**"}
	}
	for _, p := range patterns {
		if t.Name = p; !none {
			r.Topics = append(r.Topics, t)
		}
	}
	if err := r.Check(); err != nil {
		return nil, cli.Usage(cmd, err)
	}
	return r, nil
}

// loadRules reads rules from a file, which may be a pipe that nothing is written to.
func loadRules(ctx context.Context, path string) (r *rules.Rules, err error) {
	err = cli.Await(ctx, func() (err error) {
		r, err = rules.Load(path)
		return err
	})
	return r, err
}

func (a *app) runCheck(cmd *cobra.Command, r *rules.Rules, f checkFlags) error {
	monitor := rules.NewMonitor(r)
	first := true
	v, dir, err := a.observe(cmd, f.measure, func(v watch.View) {
		if first {
			monitor.Add(v) // what is lost from here on counts
			first = false
		}
	})
	if err != nil {
		return err
	}
	if f.decode {
		a.verify(cmd.Context(), v.Topics)
	}
	alerts, more := monitor.Add(v)
	if v.Missing { // no rule can be kept or broken
		alerts, more = nil, 0
	}
	v = v.ForApplications()
	reports := make([]alertReport, len(alerts))
	for i, alert := range alerts {
		reports[i] = reportAlert(alert)
	}
	err = a.print(table(struct {
		Domain string        `json:"domain"`
		Exists bool          `json:"exists"`
		OK     bool          `json:"ok"`
		Topics int           `json:"topics"`
		Alerts []alertReport `json:"alerts"`
		More   int           `json:"more"` // alerts that are not listed
	}{dir, !v.Missing, !v.Missing && len(alerts) == 0, len(v.Topics), reports, more}, reports, func(w io.Writer) error {
		if v.Missing {
			return nil
		}
		return checkText(w, v, dir, alerts, more)
	}))
	switch n := len(alerts) + more; {
	case err != nil:
		return err
	case v.Missing:
		return &noDomainError{dir}
	case n > 0:
		return cli.Unwellf("%s in %s", text.Many(n, "alert"), dir)
	}
	return nil
}

func checkText(w io.Writer, v watch.View, dir string, alerts []rules.Alert, more int) error {
	if len(alerts) == 0 {
		_, err := fmt.Fprintf(w, "all is well: %s, %s in %s\n", text.Many(len(v.Participants), "process"), text.Many(len(v.Topics), "topic"), text.Escape(dir))
		return err
	}
	for _, alert := range alerts {
		if _, err := fmt.Fprintf(w, "%-12s %s\n", alert.Kind, text.Escape(alert.What)); err != nil {
			return err
		}
	}
	if more > 0 {
		_, err := fmt.Fprintf(w, "%d more\n", more)
		return err
	}
	return nil
}
