package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
)

// Exit codes, the same for every command.
const (
	ExitOK    = 0
	ExitError = 1 // it did not work
	ExitUsage = 2 // the command line is wrong
	ExitLossy = 3 // it worked, but messages are missing, or something else is not as it should be
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

// IsUsage reports whether err is about the command line.
func IsUsage(err error) bool { return errors.As(err, new(*usageError)) }

// A lossyError says that a command did what it should, without every message.
type lossyError struct{ what string }

func (e *lossyError) Error() string { return e.what }

// Lossyf says what is missing of a result that is right otherwise.
func Lossyf(format string, args ...any) error { return &lossyError{fmt.Sprintf(format, args...)} }

// An unwellError says that a command did what it should, and found something to be wrong.
type unwellError struct{ what string }

func (e *unwellError) Error() string { return e.what }

// Unwellf says what was found.
func Unwellf(format string, args ...any) error { return &unwellError{fmt.Sprintf(format, args...)} }

// Complete reports whether a command that returns err printed its result: err is nil, or of Lossyf or Unwellf.
func Complete(err error) bool {
	return err == nil || errors.As(err, new(*lossyError)) || errors.As(err, new(*unwellError))
}

// ErrInterrupted is how a command ends that was not done yet.
var ErrInterrupted = errors.New("interrupted")

// grace is how long Await waits for what ctx should have ended.
const grace = time.Second

// Await calls do, which looks at ctx only now and then or not at all: a file may be long, or on a disk that does not answer.
// When do goes on though ctx ended, Await leaves it behind and returns ErrInterrupted; the process is about to end.
func Await(ctx context.Context, do func() error) error {
	done := make(chan error, 1)
	go func() { done <- do() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-done:
		return err
	case <-time.After(grace):
		return ErrInterrupted
	}
}

// exitCode returns the exit code that tells scripts of err.
func exitCode(err error) int {
	var l *lossyError
	var w *unwellError
	switch {
	case err == nil:
		return ExitOK
	case IsUsage(err):
		return ExitUsage
	case errors.As(err, &l), errors.As(err, &w):
		return ExitLossy
	}
	return ExitError
}
