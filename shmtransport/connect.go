package shmtransport

import (
	"context"

	"github.com/shmbus/shmbus/internal/closed"
)

// Connected returns how many publishers watch this subscription's marks, or are gone and not yet read to the end.
func (r *Reader) Connected() int {
	r.mu.Lock() // a link that is in r.links while mu is held is mapped
	defer r.mu.Unlock()
	n := len(r.ended)
	for _, l := range *r.links.Load() {
		connected := false
		if l.glance(func() { connected = l.isConnected() }) && connected {
			n++
		}
	}
	return n
}

// AwaitConnected waits until n publishers are connected, or, if n is negative, all that are linked and have room for one
// more subscription; if there are some and none has, it returns a *LimitError. It does not take the turn: samples may be
// received meanwhile.
func (r *Reader) AwaitConnected(ctx context.Context, n int) error {
	stop := context.AfterFunc(ctx, r.Wake)
	defer stop()
	p := new(parking)
	p.init(r)
	p.warmUntil = p.now() + int64(stayWarm)
	for {
		if r.closed.Load() {
			return closed.Error("the subscriber is closed")
		}
		if done, err := r.lookAndWait(ctx, p, n); done || err != nil {
			return err
		}
	}
}

func (r *Reader) lookAndWait(ctx context.Context, p *parking, n int) (done bool, err error) {
	links, cut, done, err := r.look(p, n)
	defer unpinAll(links)
	for _, l := range cut { // perhaps nobody receives, who would find out, and a bell that is gone ends every wait at once
		l.spoil(cutShort(l.view))
	}
	if done || err != nil {
		return done, err
	}
	if err := ctx.Err(); err != nil {
		return false, err
	}
	return false, r.waits.wait(p)
}

// look counts the connected publishers and makes p ready to wait until that may have changed. The links come back
// pinned, because the bells are in their memory and whoever has the turn may close them any time; so do those of them, again,
// whose memory was cut away.
func (r *Reader) look(p *parking, n int) (links, cut []*Link, done bool, err error) {
	p.bells.Reset()
	p.wake, p.grown = r.wake.Load(), r.grown.Load()
	p.bells.Add(&r.wake, p.wake) // Wake calls the one who receives, and rings this for us
	p.bells.Add(&r.grown, p.grown)
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
		if !l.glance(func() {
			// The bell is read before the admission table: whatever changes there afterwards rings it.
			p.bells.Add(l.bell, l.bell.Load())
			if joined = l.isConnected(); !joined && l.refused() {
				err = l.refusal()
			}
		}) {
			cut, err = append(cut, l), cutShort(l.view)
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
		return links, cut, connected >= n, nil
	case connected+refused < len(links)+len(r.ended):
		return links, cut, false, nil
	case connected > 0:
		return links, cut, true, nil // whoever takes hears of the others
	}
	return links, cut, refused == 0, refusal
}

func unpinAll(links []*Link) {
	for _, l := range links {
		l.unpin()
	}
}

// isConnected is what connected reports, without beginning to take.
func (l *Link) isConnected() bool {
	if l.watching {
		return true
	}
	_, ok := l.admission()
	return ok || l.ended()
}
