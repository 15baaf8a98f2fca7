package main

import (
	"context"
	"sync"

	"github.com/shmbus/shmbus/internal/subproc"
)

// A cast is the processes of a demo. When one of them fails, the context of all ends, with the failure as its cause.
type cast struct {
	crew      *subproc.Group
	listeners sync.WaitGroup
}

func newCast(ctx context.Context) *cast { return &cast{crew: subproc.New(ctx, nil)} }

// dismiss stops, or kills, whoever is still there and returns when all are reaped and heard out.
func (c *cast) dismiss() {
	c.crew.StopAll()
	c.listeners.Wait()
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
func (c *cast) start(o order, show func([]value)) (*child, error) {
	process, err := c.crew.Start(o.Role, o)
	if err != nil {
		return nil, err
	}
	ch := &child{process: process, ready: make(chan struct{}), done: make(chan struct{})}
	c.listeners.Go(func() {
		defer close(ch.done)
		ch.err = ch.listen(show)
	})
	return ch, nil
}

// listen hears what the child says until it has said its last and ended.
func (ch *child) listen(show func([]value)) error {
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
