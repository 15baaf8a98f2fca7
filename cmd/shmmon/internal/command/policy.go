package command

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/shmbus/shmbus/cmd/internal/cli"
	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/watch"
	"github.com/shmbus/shmbus/registry"
)

// A policyReport is a policy and what is against it.
type policyReport struct {
	Domain     string            `json:"domain"`
	Exists     bool              `json:"exists"`
	Policy     string            `json:"policy"` // path, empty: there is none
	Rules      []ruleReport      `json:"rules"`
	Violations []violationReport `json:"violations"`
}

type ruleReport struct {
	Line    int    `json:"line"`
	Verb    string `json:"verb"`
	Pattern string `json:"pattern"`
	Users   []int  `json:"users"`
	Groups  []int  `json:"groups"`
	text    string
}

type violationReport struct {
	ID    string `json:"id"` // of the publisher
	Topic string `json:"topic"`
	identityReport
	Unit  string `json:"unit"`
	Error string `json:"error"`
}

func (a *app) policy() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "policy",
		Short: "Show and check who may publish and subscribe",
		Long: `Show the policy of the domain with users and groups as numbers, and check it: that its lines can be understood, that only
the owner of the domain can change it, that the publishers there are may publish what they do, and that none of them
can be read by others than it says. With --file it is
another file that is checked against the domain, before it becomes the policy. The exit code is 1 where something is wrong.`,
		Example: "  shmmon policy\n  shmmon policy --file policy.new",
		Args:    cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := a.CheckedDir()
			if err != nil {
				return err
			}
			policy, err := loadPolicy(cmd.Context(), dir, file)
			if err != nil {
				return err
			}
			v, _, err := a.snapshot()
			if err != nil {
				return err
			}
			r := reportPolicy(policy, dir, v)
			if err := a.showPolicy(r); err != nil {
				return err
			}
			if n := len(r.Violations); n > 0 {
				return fmt.Errorf("%d publishers are against the policy", n)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&file, "file", "", "check this file instead of the domain's")
	_ = cmd.MarkFlagFilename("file") // fails only for a flag that does not exist
	return cmd
}

func loadPolicy(ctx context.Context, dir, file string) (*registry.Policy, error) {
	if file == "" {
		return registry.LoadPolicy(dir)
	}
	const most = 1 << 20 // ParsePolicy takes less
	var b []byte
	err := cli.Await(ctx, func() error { // it may be a pipe that nothing is written to
		f, err := os.Open(file)
		if err != nil {
			return err
		}
		defer f.Close()
		b, err = io.ReadAll(io.LimitReader(f, most))
		return err
	})
	if err != nil {
		return nil, err
	}
	return registry.ParsePolicy(file, b)
}

func reportPolicy(p *registry.Policy, dir string, v watch.View) policyReport {
	r := policyReport{Domain: dir, Exists: !v.Missing, Policy: p.Path, Rules: []ruleReport{}, Violations: []violationReport{}}
	for _, rule := range p.Rules {
		verb, _, _ := strings.Cut(rule.String(), " ")
		r.Rules = append(r.Rules, ruleReport{rule.Line, verb, rule.Pattern, append([]int{}, rule.Users...), append([]int{}, rule.Groups...), rule.String()})
	}
	for _, owner := range v.Participants {
		for _, e := range owner.Endpoints {
			if e.Kind != registry.KindPublisher {
				continue
			}
			if err := p.CheckPublisher(dir, owner, e); err != nil {
				r.Violations = append(r.Violations, violationReport{e.ID.String(), e.Topic, reportIdentity(owner), owner.Unit, err.Error()})
			}
		}
	}
	return r
}

func (a *app) showPolicy(r policyReport) error {
	if a.JSON {
		return a.Document(r)
	}
	if r.Policy == "" && !r.Exists {
		_, err := fmt.Fprintf(a.Stdout, "no policy in %s\n", text.Escape(r.Domain+whether(r.Domain)))
		return err
	}
	if r.Policy == "" {
		_, err := fmt.Fprintf(a.Stdout, "no policy: each user admitted by the mode of %s may publish and subscribe to everything (a file %s would say more)\n",
			text.Escape(r.Domain), text.Escape(filepath.Join(r.Domain, registry.PolicyName)))
		return err
	}
	var b strings.Builder
	for _, rule := range r.Rules {
		fmt.Fprintf(&b, "%4d  %s\n", rule.Line, text.Escape(rule.text))
	}
	fmt.Fprintf(&b, "%s: %d rules, understood; of each sort the first that matches a topic decides\n", text.Escape(r.Policy), len(r.Rules))
	for _, v := range r.Violations {
		fmt.Fprintf(&b, "against it: publisher %s (%s, pid %d): %s\n", v.ID, text.Escape(v.Unit), v.PID, text.Escape(v.Error))
	}
	_, err := a.Stdout.Write([]byte(b.String()))
	return err
}
