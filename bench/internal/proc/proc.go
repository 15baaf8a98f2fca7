package proc

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// Grace is how long a program that was asked to end may take to tidy up.
const Grace = 3 * time.Second

// A Process is a program that was started.
type Process struct {
	name   string
	cmd    *exec.Cmd
	ctx    context.Context
	stdout bytes.Buffer
	stderr bytes.Buffer
	done   chan struct{}
	err    error
}

// Start starts a program that ends when ctx does, if not before. Env is what it has in its environment besides ours; dir is where it
// runs, empty for here.
func Start(ctx context.Context, dir string, env []string, name string, args ...string) (*Process, error) {
	p := &Process{name: name[strings.LastIndexByte(name, '/')+1:], ctx: ctx, done: make(chan struct{})}
	p.cmd = exec.CommandContext(ctx, name, args...)
	p.cmd.Dir = dir
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	p.cmd.SysProcAttr = apart()
	p.cmd.Cancel = func() error { return signalGroup(p.cmd.Process, syscall.SIGTERM) }
	p.cmd.WaitDelay = Grace
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", p.name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		signalGroup(p.cmd.Process, syscall.SIGKILL) // what it started and left behind
		close(p.done)
	}()
	return p, nil
}

// Run runs a program to its end and returns what it printed on standard output.
func Run(ctx context.Context, dir string, env []string, name string, args ...string) ([]byte, error) {
	p, err := Start(ctx, dir, env, name, args...)
	if err != nil {
		return nil, err
	}
	return p.Wait()
}

// ID is the number of the process.
func (p *Process) ID() int { return p.cmd.Process.Pid }

// Wait waits until the program has ended and returns what it printed on standard output.
func (p *Process) Wait() ([]byte, error) {
	<-p.done
	switch {
	case p.ctx.Err() == context.DeadlineExceeded:
		return nil, fmt.Errorf("%s was not done in time%s", p.name, p.said())
	case p.ctx.Err() != nil:
		return nil, p.ctx.Err()
	case p.err != nil:
		return nil, fmt.Errorf("%s: %w%s", p.name, p.err, p.said())
	}
	return p.stdout.Bytes(), nil
}

// Stop asks the program to end, and ends it after [Grace].
func (p *Process) Stop() {
	signalGroup(p.cmd.Process, syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(Grace):
		signalGroup(p.cmd.Process, syscall.SIGKILL)
		<-p.done
	}
}

// Ended reports whether the program has ended, and if so, with what.
func (p *Process) Ended() (bool, error) {
	select {
	case <-p.done:
		if p.err == nil {
			return true, fmt.Errorf("%s ended%s", p.name, p.said())
		}
		return true, fmt.Errorf("%s: %w%s", p.name, p.err, p.said())
	default:
		return false, nil
	}
}

// said is the end of what the program had to say about what went wrong.
func (p *Process) said() string {
	text := p.stderr.String()
	if strings.TrimSpace(text) == "" {
		text = p.stdout.String()
	}
	lines := strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' })
	lines = lines[max(0, len(lines)-3):]
	for i, line := range lines {
		lines[i] = strings.ToValidUTF8(line[:min(len(line), 200)], "")
	}
	if len(lines) == 0 {
		return ""
	}
	return ": " + strings.Join(lines, "; ")
}

// WaitUntil asks every few milliseconds whether something is so, while the program runs that should make it so.
func (p *Process) WaitUntil(ctx context.Context, so func() bool) error {
	for !so() {
		if ended, err := p.Ended(); ended {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w", p.name, ctx.Err())
		case <-time.After(5 * time.Millisecond):
		}
	}
	return nil
}
