package main

import (
	"context"
	"sync"

	"github.com/shmbus/shmbus/internal/subproc"
)

// processes are the processes of a demo. When one of them fails, the context of all ends, with the failure as its cause.
type processes struct {
	group   *subproc.Group
	readers sync.WaitGroup
}

func newProcesses(ctx context.Context) *processes { return &processes{group: subproc.New(ctx, nil)} }

// stopAll stops or kills the remaining processes and returns when all are reaped and all replies are read.
func (c *processes) stopAll() {
	c.group.StopAll()
	c.readers.Wait()
}

// A child is one process.
type child struct {
	process *subproc.Child
	ready   chan struct{} // closed when the child reports that it is ready
	done    chan struct{} // closed when it has ended
	last    reply         // its final one; to be read when done, like err
	err     error
}

// start runs a child with a request. Its values go to show, from another goroutine; show may be nil.
func (c *processes) start(o request, show func([]value)) (*child, error) {
	process, err := c.group.Start(o.Role, o)
	if err != nil {
		return nil, err
	}
	ch := &child{process: process, ready: make(chan struct{}), done: make(chan struct{})}
	c.readers.Go(func() {
		defer close(ch.done)
		ch.err = ch.readReplies(show)
	})
	return ch, nil
}

// readReplies reads the child's replies up to the final one and waits for its end.
func (ch *child) readReplies(show func([]value)) error {
	ready := sync.OnceFunc(func() { close(ch.ready) })
	for {
		var r reply
		if err := ch.process.Next(&r); err != nil {
			return err
		}
		switch {
		case r.Ready:
			ready()
		case r.Values != nil && show != nil:
			show(r.Values)
		case r.final():
			ch.last = r
			return ch.process.Finish()
		}
	}
}

// waitReady waits until the child reports that it is ready.
func (ch *child) waitReady() error {
	select {
	case <-ch.ready:
		return nil
	case <-ch.done:
		return ch.err
	}
}

// finish waits for the child's end and returns its final reply.
func (ch *child) finish() (reply, error) {
	<-ch.done
	return ch.last, ch.err
}

// stop asks the child to end; finish waits for that.
func (ch *child) stop() { ch.process.Stop() }
