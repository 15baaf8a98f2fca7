// Package proc runs programs so that nothing of them stays behind. Each runs in a process group of its own, which ends when its time is
// up, when the comparison is interrupted, and when the process that started it dies. It also chooses their CPUs.
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

// Grace is the time that a program has to end after the request to end.
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

// Start starts a program that ends at the latest with ctx. It adds env to the environment of this process. An empty dir is the
// current directory.
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
		signalGroup(p.cmd.Process, syscall.SIGKILL) // what the program started and left behind
		close(p.done)
	}()
	return p, nil
}

// Run runs a program to its end and returns its standard output.
func Run(ctx context.Context, dir string, env []string, name string, args ...string) ([]byte, error) {
	p, err := Start(ctx, dir, env, name, args...)
	if err != nil {
		return nil, err
	}
	return p.Wait()
}

// ID is the ID of the process.
func (p *Process) ID() int { return p.cmd.Process.Pid }

// Wait waits until the program has ended and returns its standard output.
func (p *Process) Wait() ([]byte, error) {
	<-p.done
	switch {
	case p.ctx.Err() == context.DeadlineExceeded:
		return nil, fmt.Errorf("%s was not done in time%s", p.name, p.output())
	case p.ctx.Err() != nil:
		return nil, p.ctx.Err()
	case p.err != nil:
		return nil, fmt.Errorf("%s: %w%s", p.name, p.err, p.output())
	}
	return p.stdout.Bytes(), nil
}

// Stop asks the program to end, and kills it after [Grace].
func (p *Process) Stop() {
	signalGroup(p.cmd.Process, syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(Grace):
		signalGroup(p.cmd.Process, syscall.SIGKILL)
		<-p.done
	}
}

// Ended reports whether the program has ended. The error is then never nil and says how.
func (p *Process) Ended() (bool, error) {
	select {
	case <-p.done:
		if p.err == nil {
			return true, fmt.Errorf("%s ended%s", p.name, p.output())
		}
		return true, fmt.Errorf("%s: %w%s", p.name, p.err, p.output())
	default:
		return false, nil
	}
}

// output is the end of what the program printed, for an error.
func (p *Process) output() string {
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

// WaitUntil polls a condition every few milliseconds while the program runs.
func (p *Process) WaitUntil(ctx context.Context, condition func() bool) error {
	for !condition() {
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
