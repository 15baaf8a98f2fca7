package main

import (
	"context"
	"sync"

	"github.com/shmbus/shmbus/internal/subproc"
)

// A processes is the processes of a demo. When one of them fails, the context of all ends, with the failure as its cause.
type processes struct {
	group   *subproc.Group
	readers sync.WaitGroup
}

func newProcesses(ctx context.Context) *processes { return &processes{group: subproc.New(ctx, nil)} }

// stopAll stops, or kills, whoever is still there and returns when all are reaped and heard out.
func (c *processes) stopAll() {
	c.group.StopAll()
	c.readers.Wait()
}

// A child is one process.
type child struct {
	process *subproc.Child
	ready   chan struct{} // closed when it says so
	done    chan struct{} // closed when it has ended
	last    reply         // its final one; to be read when done, like err
	err     error
}

// start runs a child with its order. Values that it sends go to show, from another goroutine; show may be nil.
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

// readReplies hears what the child says until it has said its last and ended.
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

// waitReady waits until the child says that it is.
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

// stop tells the child to come to its end; finish waits for that.
func (ch *child) stop() { ch.process.Stop() }
