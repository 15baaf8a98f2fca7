// Package subproc runs the child processes of a program. A child is the same program started again with a role. The parent sends a
// request and later messages as lines of JSON on the child's standard input, and the child replies with lines of JSON. No child
// outlives its parent.
package subproc

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"time"
)

// Command is the first argument of a process with a role. The role's name is the second.
const Command = "role"

// Role returns the role named by a program's arguments, given without the program's name.
func Role(args []string) (string, bool) {
	if len(args) != 2 || args[0] != Command {
		return "", false
	}
	return args[1], true
}

// killDelay is the time between the request to stop and the kill.
const killDelay = 2 * time.Second

var errStopped = errors.New("the group was stopped")

// Options say how processes end. The zero value is right for processes that notice the end of their standard input.
type Options struct {
	// KillWithParent has the kernel kill the processes when their parent ends. It is for processes that may be too busy to notice
	// the end of their standard input. Files of killed processes stay behind.
	KillWithParent bool

	// ErrorText is the number of bytes kept of what a process writes to its standard error, from the beginning. 0 means 4096.
	ErrorText int
}

const defaultErrorText = 4096

// A Group is processes that work together. When one of them fails, the context of all ends, with the failure as its cause.
type Group struct {
	ctx            context.Context
	cancel         context.CancelCauseFunc
	wg             sync.WaitGroup
	killWithParent bool
	errorText      int
}

// New returns a group without processes. The end of ctx ends them all. Nil options are the defaults.
func New(ctx context.Context, opts *Options) *Group {
	if opts == nil {
		opts = new(Options)
	}
	c := &Group{killWithParent: opts.KillWithParent, errorText: cmp.Or(opts.ErrorText, defaultErrorText)}
	c.ctx, c.cancel = context.WithCancelCause(ctx)
	return c
}

// Context ends with the group.
func (c *Group) Context() context.Context { return c.ctx }

// Err returns why the group is over, nil while it is not.
func (c *Group) Err() error { return context.Cause(c.ctx) }

// StopAll stops or kills the remaining processes and returns when all are reaped.
func (c *Group) StopAll() {
	c.cancel(errStopped)
	c.wg.Wait()
}

// Command returns a command for StartCommand. The caller may change its environment, folder, attributes and files.
func (c *Group) Command(argv ...string) *exec.Cmd {
	return exec.CommandContext(c.ctx, argv[0], argv[1:]...)
}

// Start runs a process with a role and sends it the request. A wrap that is not empty is a program with its arguments that runs the
// process.
func (c *Group) Start(role string, request any, wrap ...string) (*Child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return c.StartCommand(c.Command(append(append([]string(nil), wrap...), self)...), role, request)
}

// StartCommand is Start with a command that Command returned. The command runs this program or one with the same roles, and gets the
// role as its last arguments.
func (c *Group) StartCommand(cmd *exec.Cmd, role string, request any) (*Child, error) {
	line, err := json.Marshal(request)
	if err != nil {
		return nil, err
	}
	cmd.Args = append(cmd.Args, Command, role)
	complaint := &limitedBuffer{limit: c.errorText}
	cmd.Stderr = complaint
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	cmd.Cancel = stdin.Close
	cmd.WaitDelay = killDelay
	if c.killWithParent {
		killWithParent(cmd)
	}
	if err := cmd.Start(); err != nil {
		if c.ctx.Err() != nil {
			return nil, c.Err()
		}
		return nil, fmt.Errorf("start the %s: %w", role, err)
	}
	ch := &Child{group: c, role: role, cmd: cmd, stdin: stdin, replies: make(chan json.RawMessage), done: make(chan struct{}), complaint: complaint}
	c.wg.Go(func() { ch.readReplies(stdout) })
	_, _ = stdin.Write(append(line, '\n')) // fails only when the process has ended, which readReplies reports with its cause
	return ch, nil
}
