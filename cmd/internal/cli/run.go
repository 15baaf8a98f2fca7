// Package cli is the frame of every command line of this module: start and end of a program, the flags of all commands, and the forms
// of output.
//
// Only the result goes to standard output. Everything else goes to standard error, escaped. When the reader of the result closes the
// pipe early, the program ends without an error.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/charmbracelet/x/term"
	"github.com/spf13/cobra"

	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/topic"
)

// Main gives run the arguments and streams of the process and a context that the signals end which ask a program to stop, and
// returns its exit code. The first signal lets run end in order; should that hang, one that comes later kills.
func Main(run func(ctx context.Context, args []string, stdout, stderr io.Writer) int) int {
	// Writing to a pipe without readers is an error like any other, so that what was joined is left and closed.
	signal.Ignore(syscall.SIGPIPE)
	asked := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // by nohup
		asked = append(asked, syscall.SIGHUP)
	}
	ctx, stop := untilAsked(oneRequest, asked...)
	defer stop()
	return run(ctx, os.Args[1:], os.Stdout, os.Stderr)
}

// oneRequest is the time in which several signals are one request to end: timeout(1) sends one to the program and one to its group.
const oneRequest = time.Second

// untilAsked returns a context that the first of the signals ends. Some time later they have their usual effect again.
func untilAsked(later time.Duration, asked ...os.Signal) (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(context.Background(), asked...)
	context.AfterFunc(ctx, func() { time.AfterFunc(later, stop) })
	return ctx, stop
}

// Child is Main of a process that another one of the program started, and ends by closing its input: what the terminal sends
// to all of them is for the other one to decide. It catches no signals, for which the runtime needs three threads.
func Child(run func(ctx context.Context, args []string, stdout, stderr io.Writer) int) int {
	signal.Ignore(os.Interrupt, syscall.SIGHUP, syscall.SIGPIPE)
	return run(context.Background(), os.Args[1:], os.Stdout, os.Stderr)
}

// An App is what the commands of a program share.
type App struct {
	Stdout, Stderr io.Writer
	// Screen and ErrScreen are standard output and standard error where they are terminals, and nil elsewhere.
	Screen, ErrScreen *os.File

	Dir, Domain string // flags; empty means the environment, then the default
	JSON        bool   // flag
	unit        string
	out         *output
}

// Run executes one command line, without the program's name in args, and returns the exit code. The command and what all
// commands have in common is added to what build returns. It ends early when ctx does, or when the reader of stdout is gone.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer, build func(*App) *cobra.Command) int {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	out := &output{w: stdout, failed: stop}
	a := &App{Stdout: out, out: out, Stderr: text.Writer{W: stderr}, Screen: terminal(stdout), ErrScreen: terminal(stderr)}
	root := build(a)
	a.unit = root.Name()
	root.SetOut(a.Stdout)
	root.SetErr(a.Stderr)
	a.equip(root)
	root.SetArgs(numbersLast(root, args))

	err := root.ExecuteContext(ctx)
	problem := out.problem()
	var lossy *lossyError
	var unwell *unwellError
	switch {
	case problem == nil:
	case !errors.Is(problem, syscall.EPIPE):
		err = problem
	case !errors.As(err, &lossy) && !errors.As(err, &unwell): // the reader has what it wanted
		return ExitOK
	}
	if err == nil {
		return ExitOK
	}
	fmt.Fprintf(a.Stderr, "%s: %v\n", root.Name(), err)
	var u *usageError
	if errors.As(err, &u) {
		fmt.Fprintf(a.Stderr, "'%s --help' shows how to use it.\n", u.command)
	}
	return exitCode(err)
}

func terminal(w io.Writer) *os.File {
	if f, ok := w.(*os.File); ok && IsTerminal(f) {
		return f
	}
	return nil
}

// IsTerminal reports whether f is a terminal.
func IsTerminal(f *os.File) bool { return term.IsTerminal(f.Fd()) }

// equip adds to the commands what they all have.
func (a *App) equip(root *cobra.Command) {
	root.Version = version()
	root.SilenceErrors, root.SilenceUsage = true, true
	root.SuggestionsMinimumDistance = 2
	root.SetFlagErrorFunc(flagError)
	root.PersistentPreRunE = a.checkDomain
	f := root.PersistentFlags()
	f.StringVar(&a.Dir, "dir", "", "directory of domains (default $SHMBUS_DIR, else /dev/shm/shmbus-<uid>)")
	f.StringVar(&a.Domain, "domain", "", `domain (default $SHMBUS_DOMAIN, else "default")`)
	f.BoolVar(&a.JSON, "json", false, "print JSON; names ending in _s are seconds, in _ns nanoseconds; sizes are bytes")
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	if help, _, err := root.Find([]string{"help"}); err == nil {
		help.Args = topicKnown
	}
	prepare(root)
}

// DomainDir returns the directory of the domain that the flags and the environment name.
func (a *App) DomainDir() (string, error) { return registry.DomainDir(a.Dir, a.Domain) }

// CheckedDir is DomainDir for a command that observes the domain, or cleans it, without joining: it refuses what Join refuses, such
// as a directory in which every user may write, because its content proves nothing.
func (a *App) CheckedDir() (string, error) {
	dir, err := a.DomainDir()
	if err != nil {
		return "", err
	}
	return dir, registry.CheckDomain(dir)
}

// Join makes this process a member of that domain.
func (a *App) Join() (*topic.Participant, error) {
	return topic.Join(&topic.Options{Dir: a.Dir, Domain: a.Domain, Unit: a.unit})
}

// JoinToRead is Join for a command that publishes nothing. Where this user may only read, it reads without being a member, and
// says so.
func (a *App) JoinToRead() (*topic.Participant, error) {
	p, err := a.Join()
	if !errors.As(err, new(*registry.AccessError)) {
		return p, err
	}
	p, rerr := topic.Join(&topic.Options{Dir: a.Dir, Domain: a.Domain, Unit: a.unit, ReadOnly: true})
	if rerr != nil {
		return nil, err
	}
	fmt.Fprintln(a.Stderr, "this user may only read here: samples are copied, and more of them may be lost than of a member")
	return p, nil
}
