package command

import (
	"errors"

	"github.com/spf13/cobra"
)

// Exit codes.
const (
	exitError = 1 // it did not work
	exitUsage = 2 // the command line is wrong
	exitLossy = 3 // it worked, but messages are missing
)

// A usageError says what is wrong with the command line.
type usageError struct {
	err     error
	command string // whose help explains it
}

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func usage(cmd *cobra.Command, err error) error {
	if err == nil {
		return nil
	}
	return &usageError{err, cmd.CommandPath()}
}

// args makes what a cobra validator refuses a usage error.
func args(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error { return usage(cmd, check(cmd, args)) }
}

// A lossyError says that a command did what it should, without every message.
type lossyError struct{ msg string }

func (e *lossyError) Error() string { return e.msg }

func exitCode(err error) int {
	var u *usageError
	var l *lossyError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &u):
		return exitUsage
	case errors.As(err, &l):
		return exitLossy
	}
	return exitError
}
