package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"

	"github.com/spf13/cobra"

	"github.com/shmbus/shmbus/topic"
)

// Run executes one command line, without the program's name in args, and returns the exit code: 0 ok, 1 error, 2 wrong
// usage, 3 done but messages are missing. The end of ctx ends a recording in order and a replay at once.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	a := &app{stdout: stdout, stderr: stderr}
	root := a.root()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	fmt.Fprintf(stderr, "shmrec: %s\n", printableLines(err.Error()))
	var u *usageError
	if errors.As(err, &u) {
		fmt.Fprintf(stderr, "'%s --help' shows how to use it.\n", u.command)
	}
	return exitCode(err)
}

// An app is what the commands share.
type app struct {
	stdout, stderr io.Writer
	dir, domain    string
	json           bool
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "shmrec",
		Short: "Record and replay the topics of a shmbus domain",
		Long: `shmrec records the topics of a shmbus domain to an MCAP file, plays MCAP files of any tool back into a domain,
and says what is in one.

Exit codes: 0 ok, 1 error, 2 wrong usage, 3 done but messages are missing.`,
		Example: `  shmrec record -o drive.mcap                       everything, until Ctrl-C
  shmrec record -o arm.mcap --include '^arm/' --duration 10s
  shmrec info drive.mcap
  shmrec play drive.mcap --rate 0.5`,
		Args:          args(cobra.NoArgs),
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return usage(cmd, errors.New("it takes one of the commands record, play, info"))
		},
	}
	root.SetFlagErrorFunc(usage)
	root.PersistentFlags().StringVar(&a.dir, "dir", "", "directory of domains (default $SHMBUS_DIR, else /dev/shm/shmbus-<uid>)")
	root.PersistentFlags().StringVar(&a.domain, "domain", "", `domain (default $SHMBUS_DOMAIN, else "default")`)
	root.PersistentFlags().BoolVar(&a.json, "json", false, "print the result as JSON; durations are in nanoseconds")
	root.AddCommand(a.record(), a.play(), a.info())
	return root
}

// join makes this process a member of the domain that the flags and the environment name.
func (a *app) join() (*topic.Participant, error) {
	return topic.Join(&topic.Options{Dir: a.dir, Domain: a.domain, Unit: "shmrec"})
}

// expression parses a regular expression of the command line; the empty one is nil.
func expression(cmd *cobra.Command, flag, text string) (*regexp.Regexp, error) {
	if text == "" {
		return nil, nil
	}
	re, err := regexp.Compile(text)
	if err != nil {
		return nil, usage(cmd, fmt.Errorf("--%s: %w", flag, err))
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
