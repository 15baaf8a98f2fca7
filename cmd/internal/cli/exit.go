package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
)

// Exit codes, the same for every command.
const (
	ExitOK    = 0
	ExitError = 1 // it did not work
	ExitUsage = 2 // the command line is wrong
	ExitLossy = 3 // it worked, but messages are missing
)

// A usageError says what is wrong with the command line.
type usageError struct {
	err     error
	command string // whose help explains it
}

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// Usage says that err is about the command line of cmd. Nil stays nil, and what was said so before stays as it was.
func Usage(cmd *cobra.Command, err error) error {
	var said *usageError
	if err == nil || errors.As(err, &said) {
		return err
	}
	return &usageError{err, cmd.CommandPath()}
}

// Usagef is Usage with the error made of a format.
func Usagef(cmd *cobra.Command, format string, args ...any) error {
	return Usage(cmd, fmt.Errorf(format, args...))
}

// A lossyError says that a command did what it should, without every message.
type lossyError struct{ what string }

func (e *lossyError) Error() string { return e.what }

// Lossyf says what is missing of a result that is right otherwise.
func Lossyf(format string, args ...any) error { return &lossyError{fmt.Sprintf(format, args...)} }

// exitCode returns the exit code that tells scripts of err.
func exitCode(err error) int {
	var u *usageError
	var l *lossyError
	switch {
	case err == nil:
		return ExitOK
	case errors.As(err, &u):
		return ExitUsage
	case errors.As(err, &l):
		return ExitLossy
	}
	return ExitError
}
