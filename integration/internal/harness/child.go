//go:build linux

package harness

import (
	"context"
	"math/rand/v2"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/shmbus/shmbus/internal/process"
	"github.com/shmbus/shmbus/internal/subproc"
)

// WaitLimit is how long a test waits for an expected event. No passing test comes near this limit.
const WaitLimit = time.Minute

// A Child is a process of a test, in a group of its own, so that its end ends no other process. Its methods fail the test if the
// process does not do what they ask. The kernel kills the process when the test ends.
type Child struct {
	T   testing.TB
	Dir string // the domain is below

	process *subproc.Child
}

// Options say how a process is started. The zero value starts this test binary.
type Options struct {
	Program []string // the command line that runs this test binary, or one like it
	Env     []string // besides the test's
	Dir     string   // the working directory
	Attr    *syscall.SysProcAttr
}

// Start runs the role of the request in the domain below dir.
func Start(t testing.TB, dir string, request any) *Child {
	t.Helper()
	return StartWith(t, dir, request, Options{})
}

// StartWith is Start with options.
func StartWith(t testing.TB, dir string, request any, o Options) *Child {
	t.Helper()
	if o.Program == nil {
		o.Program = os.Args[:1]
	}
	group := subproc.New(context.Background(), &subproc.Options{KillWithParent: true, ErrorText: 1 << 20})
	cmd := group.Command(o.Program...)
	cmd.Env = append(append(os.Environ(), "SHMBUS_DIR="+dir, "SHMBUS_DOMAIN=d"), o.Env...)
	cmd.Dir = o.Dir
	cmd.SysProcAttr = o.Attr
	process, err := group.StartCommand(cmd, roleName(request), request)
	if err != nil {
		t.Fatal(err)
	}
	c := &Child{T: t, Dir: dir, process: process}
	t.Cleanup(func() {
		c.Kill()
		group.StopAll()
	})
	return c
}

// StartNested runs the role of the request in a process that a child starts.
func StartNested(g *subproc.Group, request any) (*subproc.Child, error) {
	return g.Start(roleName(request), request)
}

// PID is the process's id.
func (c *Child) PID() int { return c.process.PID() }

// Expect waits for the process's next reply and decodes it into v.
func (c *Child) Expect(v any) {
	c.T.Helper()
	if err := c.process.Next(v); err != nil {
		c.T.Fatal(err)
	}
}

// Next waits for the process's next reply and decodes it into v, unless the process ends before.
func (c *Child) Next(v any) error { return c.process.Next(v) }

// Ready waits until the process reports that it is ready.
func (c *Child) Ready() *Child {
	c.T.Helper()
	if err := c.process.Ready(); err != nil {
		c.T.Fatal(err)
	}
	return c
}

// Send sends the process a message.
func (c *Child) Send(v any) {
	c.T.Helper()
	if err := c.process.Send(v); err != nil {
		c.T.Fatal(err)
	}
}

// Stop asks the process to end, without waiting. Replies may follow.
func (c *Child) Stop() { c.process.Stop() }

// Finish asks the process to end and waits for it.
func (c *Child) Finish() {
	c.T.Helper()
	if err := c.process.Finish(); err != nil {
		c.T.Fatal(err)
	}
}

// Kill ends the process with SIGKILL and reaps it. It does nothing to a process that has ended.
func (c *Child) Kill() {
	c.KillOnly()
	c.process.Wait()
}

// KillOnly ends the process with SIGKILL, without waiting.
func (c *Child) KillOnly() { _ = c.process.Kill() } // fails only after the end of the process

// Wait waits for the end of the process and returns its state.
func (c *Child) Wait() *os.ProcessState { return c.process.Wait() }

// Signaled reports whether a signal ended a process, and which.
func Signaled(s *os.ProcessState) (syscall.Signal, bool) {
	status, ok := s.Sys().(syscall.WaitStatus)
	return status.Signal(), ok && status.Signaled()
}

// Ended returns a channel that is closed when the process has ended. The process's replies are lost.
func (c *Child) Ended() <-chan struct{} {
	end := make(chan struct{})
	go func() {
		c.process.Wait()
		close(end)
	}()
	return end
}

// ErrorText is what the process wrote to its standard error.
func (c *Child) ErrorText() string { return c.process.ErrorText() }

// Signal sends the process a signal.
func (c *Child) Signal(s syscall.Signal) {
	c.T.Helper()
	if err := c.process.Signal(s); err != nil {
		c.T.Fatal(err)
	}
}

// Quit has the process print its stacks and end, if it has not ended.
func (c *Child) Quit() { _ = c.process.Signal(syscall.SIGQUIT) }

// Suspend stops the process with SIGSTOP and waits until the kernel shows it as stopped, which it does a moment after the signal.
func (c *Child) Suspend() {
	c.T.Helper()
	c.Signal(syscall.SIGSTOP)
	c.WaitSuspended()
}

// WaitSuspended waits until the kernel shows the process as stopped.
func (c *Child) WaitSuspended() {
	c.T.Helper()
	begun, err := process.StartTime(c.PID())
	if err != nil {
		c.T.Fatal(err)
	}
	for deadline := time.Now().Add(WaitLimit); process.StateOf(c.PID(), begun) != process.Stopped; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			c.T.Fatal("the process does not stop")
		}
	}
}

// Resume continues a suspended process.
func (c *Child) Resume() {
	c.T.Helper()
	c.Signal(syscall.SIGCONT)
}

// RandomDelay waits for a random moment, so that kills hit every part of the protocols over many runs.
func RandomDelay() { time.Sleep(time.Duration(rand.Int64N(int64(20 * time.Millisecond)))) }
