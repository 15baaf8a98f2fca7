package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// killDelay is how long a child that was told to stop may take before it is killed, when the demo ends early.
const killDelay = 2 * time.Second

// A crew is the processes of a demo. When one of them fails, the context of all ends, with the failure as its cause.
type crew struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	wg     sync.WaitGroup
}

func newCrew(ctx context.Context) *crew {
	c := &crew{}
	c.ctx, c.cancel = context.WithCancelCause(ctx)
	return c
}

// dismiss stops, or kills, whoever is still there and returns when all are reaped.
func (c *crew) dismiss() {
	c.cancel(errors.New("the demo is over"))
	c.wg.Wait()
}

// A child is one process.
type child struct {
	crew  *crew
	role  string
	stdin io.Closer
	ready chan struct{} // closed when it says so
	done  chan struct{} // closed when it has ended and is reaped
	last  reply         // its final one; to be read when done
}

// start runs a child with its order. Values that it sends go to show, from another goroutine; show may be nil.
func (c *crew) start(o order, show func([]value)) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	line, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(c.ctx, self)
	cmd.Env = append(os.Environ(), childMark+"=1")
	complaint := &head{}
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
	if err := cmd.Start(); err != nil {
		if c.ctx.Err() != nil {
			return nil, context.Cause(c.ctx)
		}
		return nil, fmt.Errorf("start the %s: %w", o.Role, err)
	}
	ch := &child{crew: c, role: o.Role, stdin: stdin, ready: make(chan struct{}), done: make(chan struct{})}
	c.wg.Go(func() { ch.attend(cmd, stdout, complaint, show) })
	stdin.Write(append(line, '\n')) // fails when the child is dead already, which attend reports better
	return ch, nil
}

// attend hears what the child says and reaps it at its end.
func (ch *child) attend(cmd *exec.Cmd, stdout io.Reader, complaint *head, show func([]value)) {
	defer close(ch.done)
	dec := json.NewDecoder(stdout)
	ready := sync.OnceFunc(func() { close(ch.ready) })
	finished := false
	for {
		var r reply
		if dec.Decode(&r) != nil {
			break // the end, or the half line of one that was killed
		}
		switch {
		case r.Ready:
			ready()
		case r.Values != nil && show != nil:
			show(r.Values)
		case r.final():
			ch.last, finished = r, true
		}
	}
	err := cmd.Wait()
	if err == nil && finished {
		return
	}
	if err == nil {
		err = errors.New("it ended without a report")
	}
	if text := complaint.String(); text != "" {
		err = fmt.Errorf("%w: %s", err, text)
	}
	ch.crew.cancel(fmt.Errorf("the %s failed: %w", ch.role, err))
}

// waitReady waits until the child says that it is.
func (ch *child) waitReady() error {
	select {
	case <-ch.ready:
		return nil
	case <-ch.done:
		if ch.crew.ctx.Err() == nil {
			return fmt.Errorf("the %s ended before it was ready", ch.role)
		}
		return context.Cause(ch.crew.ctx)
	case <-ch.crew.ctx.Done():
		return context.Cause(ch.crew.ctx)
	}
}

// finish waits for the child's end and returns its final reply.
func (ch *child) finish() (reply, error) {
	select {
	case <-ch.done:
	case <-ch.crew.ctx.Done():
	}
	if ch.crew.ctx.Err() != nil {
		return reply{}, context.Cause(ch.crew.ctx)
	}
	return ch.last, nil
}

// stop tells the child to come to its end; finish waits for that.
func (ch *child) stop() { ch.stdin.Close() }

// head keeps the beginning of what a child writes to its standard error, where the first cause is.
type head struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

const maxHead = 4096

func (h *head) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.buf.Write(p[:min(len(p), maxHead-h.buf.Len())])
	return len(p), nil
}

func (h *head) String() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.TrimSpace(h.buf.String())
}
