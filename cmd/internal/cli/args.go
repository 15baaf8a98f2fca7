package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// Args wants one argument for each name, and no more.
func Args(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if n := len(args); n < len(names) {
			return fmt.Errorf("%s is missing: %s", names[n], cmd.UseLine())
		}
		if n := len(names); n < len(args) {
			return fmt.Errorf("%q is one argument too many: %s", args[n], cmd.UseLine())
		}
		return nil
	}
}

// prepare makes what the validators of cmd and of all below it say errors of usage, and lets a command that is only there for
// those below it refuse everything else.
func prepare(cmd *cobra.Command) {
	if cmd.HasSubCommands() {
		cmd.Args = commandKnown
		if !cmd.Runnable() {
			cmd.RunE = func(cmd *cobra.Command, _ []string) error {
				return Usagef(cmd, "it takes one of the commands %s", strings.Join(below(cmd), ", "))
			}
		}
	}
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error { return Usage(cmd, check(cmd, args)) }
	}
	for _, c := range cmd.Commands() {
		prepare(c)
	}
}

// below returns the names of the commands below cmd.
func below(cmd *cobra.Command) (names []string) {
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	return names
}

// commandKnown is for commands that have others below them: an argument is then a name that none of those has.
func commandKnown(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		return fmt.Errorf("unknown command %q; did you mean %s?", args[0], strings.Join(near, " or "))
	}
	return fmt.Errorf("unknown command %q; there are %s", args[0], strings.Join(below(cmd), ", "))
}

// topicKnown refuses to give help on what there is not.
func topicKnown(help *cobra.Command, args []string) error {
	cmd, rest, err := help.Root().Find(args)
	if err == nil && cmd.HasSubCommands() {
		err = commandKnown(cmd, rest)
	}
	return Usage(help.Root(), err)
}
