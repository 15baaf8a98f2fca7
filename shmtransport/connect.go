package shmtransport

import (
	"context"

	"github.com/shmbus/shmbus/internal/errdefs"
	"github.com/shmbus/shmbus/shmtransport/internal/waitset"
)

// Connected returns the number of publishers that have admitted this subscription, or that have ended and still have
// samples to take.
func (r *Reader) Connected() (n int) {
	for _, m := range r.Matches() {
		if m.Answered {
			n++
		}
	}
	return n
}

// A Match is a publisher that a Reader is linked to.
type Match struct {
	ID       PublisherID
	UserData any    // of its link
	Answered bool   // the publisher has admitted the reader, or ended
	First    uint64 // the sequence from which on the reader receives; 0: not admitted
}

// Matches returns the publishers that have not refused the reader, or that have ended and still have samples to take.
func (r *Reader) Matches() (matches []Match) {
	r.mu.Lock() // a link in r.links is mapped while mu is held
	defer r.mu.Unlock()
	for _, l := range *r.links.Load() {
		m, refused := Match{ID: l.id, UserData: l.userData}, false
		if l.guarded(func() {
			m.Answered, refused = l.isConnected(), l.refused()
			if start, ok := l.findAdmission(); ok {
				m.First = max(start, 1)
			}
		}) && (m.Answered || !refused) {
			matches = append(matches, m)
		}
	}
	for _, l := range r.ended {
		matches = append(matches, Match{ID: l.id, UserData: l.userData, Answered: true})
	}
	return matches
}

// AwaitConnected waits until n publishers are connected. If n is negative, it waits for all that are linked and have
// room for one more subscription; if none of them has room, it returns a *errdefs.LimitError. Samples may be received
// meanwhile.
func (r *Reader) AwaitConnected(ctx context.Context, n int) error {
	stop := context.AfterFunc(ctx, r.Wake)
	defer stop()
	p := waitset.NewWaiter(r.clock)
	p.KeepWarm()
	for {
		if r.closed.Load() {
			return errdefs.Closed("the subscriber is closed")
		}
		if done, err := r.checkAndWait(ctx, p, n); done || err != nil {
			return err
		}
	}
}

func (r *Reader) checkAndWait(ctx context.Context, p *waitset.Waiter, n int) (done bool, err error) {
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
	return false, r.set.waits.Wait(p)
}

// countConnected counts the connected publishers and prepares p to wait until that may have changed. It returns the
// links pinned, because their bells are in memory that a receiving goroutine may unmap at any time. Links whose memory
// faulted are returned again as faulted.
func (r *Reader) countConnected(p *waitset.Waiter, n int) (links, faulted []*Link, done bool, err error) {
	wake, grown := r.wake.Load(), r.grown.Load()
	r.setCalls(p, wake, grown)
	p.Bells.Reset()
	p.Bells.Add(&r.wake, wake) // Wake wakes the receiving waiter, and the sleepers on this word
	p.Bells.Add(&r.grown, grown)
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
			p.Bells.Add(l.bell, l.bell.Load())
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
