// Package command is the command line of shmrec: its flags, its output and its exit codes.
package command

import (
	"context"
	"io"
	"regexp"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/shmbus/shmbus/cmd/internal/cli"
)

// Run executes one command line, without the program's name in args, and returns the exit code: 0 ok, 1 error, 2 wrong
// usage, 3 done but messages are missing. The end of ctx ends a recording in order and a replay at once.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	return cli.Run(ctx, args, stdout, stderr, func(a *cli.App) *cobra.Command { return (&app{a}).root() })
}

// An app makes the commands.
type app struct{ *cli.App }

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "shmrec",
		Short: "Record and replay the topics of a shmbus domain",
		Long: `shmrec records the topics of a shmbus domain to an MCAP file, plays MCAP files of any tool back into a domain,
says what is in one, prints its messages, checks it, and writes new files from it.

Exit codes: 0 ok, 1 error, 2 wrong usage, 3 done but messages are missing.`,
		Example: `  shmrec record -o drive.mcap                       everything, until Ctrl-C
  shmrec record -o arm.mcap --include '^arm/' --duration 10s
  shmrec info drive.mcap
  shmrec cat drive.mcap --topics '^arm/' -n 10
  shmrec play drive.mcap --rate 0.5
  shmrec cut drive.mcap -o crash.mcap --start 12m30s --end 13m30s
  shmrec recover torn.mcap -o saved.mcap`,
	}
	root.AddCommand(a.record(), a.play(), a.info(), a.cat(), a.diff(), a.doctor(), a.recover(), a.filter(), a.cut(), a.merge(), a.convert(), a.ctl())
	for _, cmd := range root.Commands() {
		acceptOtherName(cmd.Flags(), "include", "topics")
		acceptOtherName(cmd.Flags(), "topics", "include")
	}
	return root
}

// acceptOtherName lets a flag have the name too that other commands have for the same, unless the command has a flag of that name.
func acceptOtherName(f *pflag.FlagSet, name, other string) {
	if f.Lookup(name) == nil || f.Lookup(other) != nil {
		return
	}
	f.SetNormalizeFunc(func(_ *pflag.FlagSet, given string) pflag.NormalizedName {
		if given == other {
			given = name
		}
		return pflag.NormalizedName(given)
	})
}

// expression parses a regular expression of the command line; the empty one is nil.
func expression(cmd *cobra.Command, flag, text string) (*regexp.Regexp, error) {
	if text == "" {
		return nil, nil
	}
	re, err := regexp.Compile(text)
	if err != nil {
		return nil, cli.Usagef(cmd, "--%s: %w", flag, err)
	}
	return re, nil
}

// recordingFiles completes the names of MCAP files.
func recordingFiles(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return []string{"mcap"}, cobra.ShellCompDirectiveFilterFileExt
}
