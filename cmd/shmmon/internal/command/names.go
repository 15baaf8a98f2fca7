package command

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/shmbus/shmbus/cmd/internal/cli"
	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/watch"
	"github.com/shmbus/shmbus/registry"
)

// An unknownError says that a topic has no publisher and no subscription.
type unknownError struct {
	name, dir string
	close     []string // known names like it
	known     int      // topics that are listed
	hidden    int      // topics that only --all lists
	missing   string   // what there is to say of a directory that does not exist
}

func (e *unknownError) Error() string {
	what := "topic"
	if watch.IsPattern(e.name) {
		what = "topic that matches"
	}
	s := fmt.Sprintf("no %s %q in %s", what, e.name, e.dir)
	switch {
	case e.missing != "":
		return s + e.missing
	case e.known+e.hidden == 0:
		return s + ", which has no topics at all; is --domain right?"
	case len(e.close) > 0:
		return s + "; there is " + listed(e.close)
	}
	command, n := "shmmon list", e.known
	if n == 0 || watch.Internal(e.name) {
		command, n = "shmmon list --all", e.known+e.hidden
	}
	return fmt.Sprintf("%s; '%s' shows the %d there are", s, command, n)
}

// choose returns the topics of the view that any of the patterns stands for.
func choose(v watch.View, dir string, patterns ...string) ([]watch.Topic, error) {
	var chosen []watch.Topic
	hit := make([]bool, len(patterns))
	for _, t := range v.Topics {
		take := false
		for i, p := range patterns {
			if registry.MatchPattern(p, t.Name) {
				hit[i], take = true, true
			}
		}
		if take {
			chosen = append(chosen, t)
		}
	}
	if i := slices.Index(hit, false); i >= 0 {
		return nil, unknown(v, dir, patterns[i])
	}
	return chosen, nil
}

// chooseOrAll is choose, and without patterns all topics: with all also those of services and parameters.
func chooseOrAll(v watch.View, dir string, all bool, patterns []string) ([]watch.Topic, error) {
	switch {
	case len(patterns) > 0:
		return choose(v, dir, patterns...)
	case all:
		return v.Topics, nil
	}
	return v.ForApplications().Topics, nil
}

// allFlag adds the flag that shows the topics that are not of applications.
func allFlag(cmd *cobra.Command, all *bool) {
	cmd.Flags().BoolVar(all, "all", false, "show also topics of services and parameters, which begin with \"$\", and count them")
}

func unknown(v watch.View, dir, name string) error {
	names := make([]string, len(v.Topics))
	for i, t := range v.Topics {
		names[i] = t.Name
	}
	known := len(v.ForApplications().Topics)
	e := &unknownError{name: name, dir: dir, known: known, hidden: len(v.Topics) - known, close: text.Nearest(name, names)}
	if v.Missing {
		e.missing = whether(dir)
	}
	return e
}

// onePattern accepts one argument that is a topic name or a pattern.
func onePattern(cmd *cobra.Command, args []string) error {
	return cobra.MatchAll(cli.Args("TOPIC"), manyPatterns)(cmd, args)
}

// manyPatterns accepts any number of them.
func manyPatterns(_ *cobra.Command, args []string) error {
	for _, p := range args {
		if err := registry.CheckPattern(p); err != nil {
			return err
		}
	}
	return nil
}

// firstIsTopic refuses patterns as well.
func firstIsTopic(_ *cobra.Command, args []string) error { return registry.CheckTopic(args[0]) }

// complete offers the names of the topics there are.
func (a *app) complete(cmd *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
	const none = cobra.ShellCompDirectiveNoFileComp
	if len(args) > 0 && cmd.Name() != "list" {
		return nil, none
	}
	v, _, err := a.snapshot()
	if err != nil {
		return nil, none
	}
	var names []string
	for _, t := range v.ForApplications().Topics {
		// A shell cannot be handed a name with invisible characters in it.
		if strings.HasPrefix(t.Name, prefix) && text.Escape(t.Name) == t.Name {
			names = append(names, t.Name)
		}
	}
	return names, none
}

// listed writes names of another process in one line.
func listed(names []string) string {
	shown := make([]string, len(names))
	for i, name := range names {
		shown[i] = text.Escape(name)
	}
	return strings.Join(shown, ", ")
}
