package shmtransport

import (
	"context"

	"github.com/shmbus/shmbus/internal/errdefs"
)

// Connected returns the number of publishers that have admitted this subscription, or that have ended and still have
// samples to take.
func (r *Reader) Connected() int {
	r.mu.Lock() // a link in r.links is mapped while mu is held
	defer r.mu.Unlock()
	n := len(r.ended)
	for _, l := range *r.links.Load() {
		connected := false
		if l.guarded(func() { connected = l.isConnected() }) && connected {
			n++
		}
	}
	return n
}

// AwaitConnected waits until n publishers are connected. If n is negative, it waits for all that are linked and have
// room for one more subscription; if none of them has room, it returns a *errdefs.LimitError. Samples may be received
// meanwhile.
func (r *Reader) AwaitConnected(ctx context.Context, n int) error {
	stop := context.AfterFunc(ctx, r.Wake)
	defer stop()
	p := new(waiter)
	p.init(r)
	p.warmUntil = p.now() + int64(warmTime)
	for {
		if r.closed.Load() {
			return errdefs.Closed("the subscriber is closed")
		}
		if done, err := r.checkAndWait(ctx, p, n); done || err != nil {
			return err
		}
	}
}

func (r *Reader) checkAndWait(ctx context.Context, p *waiter, n int) (done bool, err error) {
	links, faulted, done, err := r.countConnected(p, n)
	defer unpinAll(links)
	for _, l := range faulted { // perhaps no goroutine receives and finds out, and a faulting bell ends every wait at once
		l.setFault(truncatedError(l.view))
	}
	if done || err != nil {
		return done, err
	}
	if err := ctx.Err(); err != nil {
		return false, err
	}
	return false, r.waitSet.wait(p)
}

// countConnected counts the connected publishers and prepares p to wait until that may have changed. It returns the
// links pinned, because their bells are in memory that a receiving goroutine may unmap at any time. Links whose memory
// faulted are returned again as faulted.
func (r *Reader) countConnected(p *waiter, n int) (links, faulted []*Link, done bool, err error) {
	p.bells.Reset()
	p.seenWake, p.seenGrown = r.wake.Load(), r.grown.Load()
	p.bells.Add(&r.wake, p.seenWake) // Wake calls the receiving waiter, and changes this word for p
	p.bells.Add(&r.grown, p.seenGrown)
	r.mu.Lock()
	defer r.mu.Unlock()
	links = *r.links.Load()
	for _, l := range links {
		l.pin()
	}
	connected := len(r.ended)
	var refusal error
	refused := 0
	for _, l := range links {
		var err error
		joined := false
		if !l.guarded(func() {
			// The bell is read before the admission table: later changes of the table ring it.
			p.bells.Add(l.bell, l.bell.Load())
			if joined = l.isConnected(); !joined && l.refused() {
				err = l.refusal()
			}
		}) {
			faulted, err = append(faulted, l), truncatedError(l.view)
		}
		switch {
		case joined:
			connected++
		case n < 0 && err != nil:
			refused, refusal = refused+1, err
		}
	}
	switch {
	case n >= 0:
		return links, faulted, connected >= n, nil
	case connected+refused < len(links)+len(r.ended):
		return links, faulted, false, nil
	case connected > 0:
		return links, faulted, true, nil // a receiving goroutine hears of the others
	}
	return links, faulted, refused == 0, refusal
}

func unpinAll(links []*Link) {
	for _, l := range links {
		l.unpin()
	}
}

// isConnected returns the result of beginIfReady without beginning to take.
func (l *Link) isConnected() bool {
	if l.passive {
		return true
	}
	_, ok := l.findAdmission()
	return ok || l.ended()
}
