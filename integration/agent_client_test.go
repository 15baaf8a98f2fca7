//go:build linux

package integration

import (
	"fmt"
	"syscall"
	"testing"

	"github.com/shmbus/shmbus/internal/clock"
)

// startAgent starts a child in the agent role, which has joined.
func startAgent(t testing.TB, dir string) *child {
	t.Helper()
	c := start(t, dir, "agent")
	c.do("join")
	return c
}

// send gives a command without waiting for the answer.
func (c *child) send(format string, args ...any) {
	c.t.Helper()
	if _, err := fmt.Fprintf(c.in, format+"\n", args...); err != nil {
		c.kill()
		c.t.Fatalf("%v: the child ended: %s", err, c.err.String())
	}
}

// request gives a command and returns the answer.
func (c *child) request(format string, args ...any) (a agentReply) {
	c.t.Helper()
	c.send(format, args...)
	c.expect(&a)
	return a
}

// do gives a command that must go well.
func (c *child) do(format string, args ...any) agentReply {
	c.t.Helper()
	a := c.request(format, args...)
	if a.Err != "" {
		c.t.Fatalf(format+": %s", append(args, a.Err)...)
	}
	return a
}

// signal stops or continues the child's process.
func (c *child) signal(s syscall.Signal) {
	c.t.Helper()
	if err := c.cmd.Process.Signal(s); err != nil {
		c.t.Fatal(err)
	}
}

func monotonic() int64 { return clock.New().Now() }
