package subproc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
)

// A Child is one process of a group.
type Child struct {
	group   *Group
	role    string
	cmd     *exec.Cmd
	stdin   io.WriteCloser
	replies chan json.RawMessage
	done    chan struct{} // closed when it has ended and is reaped
	killed  atomic.Bool   // by Kill

	complaint *limitedBuffer // its standard error
}

// PID is the process's id.
func (ch *Child) PID() int { return ch.cmd.Process.Pid }

// readReplies passes the process's replies on and reaps the process when it ends.
func (ch *Child) readReplies(stdout io.Reader) {
	defer close(ch.done)
	dec := json.NewDecoder(stdout)
	for {
		var r json.RawMessage
		if dec.Decode(&r) != nil {
			break // the end, or half a line of one that was killed
		}
		select {
		case ch.replies <- r:
		case <-ch.group.ctx.Done():
		}
	}
	err := ch.cmd.Wait()
	if err == nil || ch.killed.Load() {
		return
	}
	if errors.Is(err, exec.ErrWaitDelay) {
		return // it ended well: a busy machine did not let the end of its standard error be seen in time, or another process has that
	}
	if text := ch.complaint.String(); text != "" {
		err = fmt.Errorf("%w: %s", err, text)
	}
	ch.group.cancel(fmt.Errorf("the %s failed: %w", ch.role, err))
}

// Next waits for the process's next reply and decodes it into v.
func (ch *Child) Next(v any) error {
	select {
	case r := <-ch.replies:
		if err := json.Unmarshal(r, v); err != nil {
			return fmt.Errorf("decode a reply of the %s: %w", ch.role, err)
		}
		return nil
	case <-ch.group.ctx.Done():
		return ch.group.Err()
	case <-ch.done:
	}
	if err := ch.group.Err(); err != nil {
		return err
	}
	return fmt.Errorf("the %s ended before it had said everything", ch.role)
}

// Ready waits until the process reports that it is ready.
func (ch *Child) Ready() error {
	var r ready
	return ch.Next(&r)
}

// Send sends v to the process as one line of JSON.
func (ch *Child) Send(v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if _, err := ch.stdin.Write(append(line, '\n')); err != nil {
		return errors.Join(ch.group.Err(), fmt.Errorf("send to the %s: %w", ch.role, err))
	}
	return nil
}

// Stop asks the process to end. Replies may still follow.
func (ch *Child) Stop() { _ = ch.stdin.Close() } // fails only after an earlier Stop or after the process ended

// Finish asks the process to end and waits until it has ended.
func (ch *Child) Finish() error {
	ch.Stop()
	for {
		select {
		case <-ch.done:
			return ch.group.Err()
		case <-ch.group.ctx.Done():
			return ch.group.Err()
		case <-ch.replies:
		}
	}
}

// Kill kills the process, as a crash would. The group does not count that as a failure.
func (ch *Child) Kill() error {
	ch.killed.Store(true)
	return ch.cmd.Process.Kill()
}

// Signal sends the process a signal.
func (ch *Child) Signal(s os.Signal) error { return ch.cmd.Process.Signal(s) }

// Wait waits until the process has ended and is reaped, discards its remaining replies, and returns how it ended.
func (ch *Child) Wait() *os.ProcessState {
	for {
		select {
		case <-ch.done:
			return ch.cmd.ProcessState
		case <-ch.replies:
		}
	}
}

// ErrorText returns the beginning of what the process wrote to its standard error.
func (ch *Child) ErrorText() string { return ch.complaint.String() }

// limitedBuffer keeps the beginning of what a process writes to its standard error, where the first cause is.
type limitedBuffer struct {
	limit int
	mu    sync.Mutex
	buf   bytes.Buffer
}

func (h *limitedBuffer) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.buf.Write(p[:min(len(p), h.limit-h.buf.Len())])
	return len(p), nil
}

func (h *limitedBuffer) String() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.TrimSpace(h.buf.String())
}
