// Package waitset lets many goroutines of a process wait for many words of shared memory with few threads.
//
// A Waiter has the words of one goroutine and their values. A Set decides which goroutine sleeps, for which Waiters.
package waitset

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/shmbus/shmbus/internal/futex"
)

const (
	// maxSleep bounds a sleep, at whose end the bells are compared again. It limits the effect of a ring that the kernel
	// does not pass on, which should not happen.
	maxSleep = time.Minute
	// maxExposedSleep bounds a sleep on a bell that members of a group may open. Such a process can move the sleeper
	// to another word, where it is not woken.
	maxExposedSleep = time.Second
	// maxPartialSleep bounds a sleep that does not cover all bells.
	maxPartialSleep = time.Millisecond
	// maxApart is the number of waiters that sleep apart, each of which has a thread.
	maxApart = 8
)

// A Set is shared by the waiters of a process, so that they wait with few threads and keep at most one processor. The
// zero value is ready to use. Its methods may be called concurrently, each Waiter being in one Wait at a time.
//
// A waiter is warm for some time after KeepWarm. Of all warm waiters one is the leader: it sleeps on the bells of all and
// keeps its processor, and the others wait on a channel. A process with one processor has none to keep; there a few warm
// waiters sleep apart, each on its own bells. A single cold waiter sleeps by itself. Several cold waiters wait in groups,
// each of which is a goroutine that sleeps on as many bells as one system call takes.
type Set struct {
	exposed atomic.Pointer[time.Time] // when the first bell was found that members of a group may open; nil = none

	waking atomic.Int32 // waiters that were woken and do not run yet

	mu          sync.Mutex
	warm        warmSet
	groups      []*coldGroup
	spareGroups []*coldGroup // unused groups
	alone       *Waiter      // sleeps by itself, with sleeper
	apart       int          // number of waiters that sleep apart

	sleeper futex.Waiter
}

// wakeAs ends the wait of p, which is following or in groups, with a new state. Called with mu held.
func (w *Set) wakeAs(p *Waiter, state waitState) {
	p.state = state
	w.waking.Add(1)
	p.putToken()
}

// Wait returns when a bell of p rang, p was woken up, or the time Longest is over; it may return early.
//
// An earlier token is removed before wokenUp is called. A later WakeUp leaves a token, or changes recheck after the
// sleeper has loaded it.
func (w *Set) Wait(p *Waiter) error {
	select {
	case <-p.ready:
	default:
	}
	if p.wokenUp() {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.enqueue(p)
	for {
		switch p.state {
		case notWaiting:
			return nil
		case leading:
			if err := w.lead(p); err != nil {
				return err
			}
		case sleepingAlone:
			return w.sleepAlone(p)
		case sleepingApart:
			return w.sleepApart(p)
		case sleepingPartly:
			return w.sleepPartly(p)
		default:
			w.mu.Unlock()
			p.awaitToken()
			w.mu.Lock()
			if p.state == following || p.state == inGroups || p.state == withoutBells {
				w.dequeue(p) // woken up, or the time is over
			} else {
				w.waking.Add(-1)
			}
		}
	}
}

// enqueue chooses the wait state of p. Called with mu held.
func (w *Set) enqueue(p *Waiter) {
	warm, large := p.Longest == 0 && p.clock.Now() < p.warmUntil, p.Bells.Len() >= futex.MaxWords
	switch {
	case p.Longest > 0 && p.Bells.Len() == 0:
		p.state = withoutBells
	case warm && large:
		p.state = sleepingPartly
	case warm && w.warm.add(p):
	case w.alone == nil && len(w.groups) == 0 && !large:
		w.alone, p.state = p, sleepingAlone
	case warm && w.apart < maxApart:
		w.apart++
		p.state = sleepingApart
	default:
		w.joinGroups(p)
	}
}

// dequeue ends the wait state of p. Its bells may be unmapped afterwards: sleepers for others load only the bells of
// waiters that wait, and the kernel handles a sleep on an unmapped bell. Called with mu held.
func (w *Set) dequeue(p *Waiter) {
	switch p.state {
	case following:
		w.warm.remove(p)
	case inGroups:
		w.leaveGroups(p, nil)
	}
	p.state = notWaiting
}

// sleepAlone sleeps on the bells of p. Called with mu held, which it releases meanwhile.
func (w *Set) sleepAlone(p *Waiter) error {
	bound := w.sleepBound()
	if p.Longest > 0 {
		bound = min(bound, p.Longest)
	}
	err := w.sleepOnBells(p, &w.sleeper, p.Bells.Len(), bound)
	w.alone, p.state = nil, notWaiting
	return err
}

// sleepOnBells sleeps on the first n bells of p. Called with mu held, which it releases meanwhile.
func (w *Set) sleepOnBells(p *Waiter, s *futex.Waiter, n int, bound time.Duration) error {
	s.Reset()
	recheck := p.recheck.Load()
	w.mu.Unlock()
	defer w.mu.Lock()
	p.reschedule()
	s.Append(&p.Bells, 0, n) // first the words that other processes change
	s.Add(&p.recheck, recheck)
	if p.wokenUp() {
		return nil
	}
	return s.Wait(bound)
}

// sleepPartly is the wait of a warm waiter that has more bells than one system call takes. It sleeps for a short time on as many as
// one call takes, after which the caller checks all.
func (w *Set) sleepPartly(p *Waiter) error {
	if p.ownSleeper == nil {
		p.ownSleeper = new(futex.Waiter)
	}
	p.state = notWaiting
	return w.sleepOnBells(p, p.ownSleeper, futex.MaxWords-1, ScanDelay(p.Bells.Len()))
}

// sleepApart sleeps on the bells of p until p is cold: a group would sleep on them in another thread, which costs two more
// switches of threads when p begins to wait and two when a bell rings. Called with mu held, which it releases meanwhile.
func (w *Set) sleepApart(p *Waiter) error {
	if p.ownSleeper == nil {
		p.ownSleeper = new(futex.Waiter)
	}
	bound := time.Duration(p.warmUntil - p.clock.Now())
	err := w.sleepOnBells(p, p.ownSleeper, p.Bells.Len(), min(bound, w.sleepBound()))
	w.apart--
	p.state = notWaiting
	return err
}

// ScanDelay is the delay, or the interval, of a check of n links: a multiple of its duration. One check then covers
// several new links, and many links do not keep a processor busy.
func ScanDelay(n int) time.Duration { return max(maxPartialSleep, time.Duration(n)*time.Microsecond) }

// sleepBound is the bound of a sleep. Sleeps on exposed bells end together, so that the process wakes once and not once
// for each.
func (w *Set) sleepBound() time.Duration {
	exposed := w.exposed.Load()
	if exposed == nil {
		return maxSleep
	}
	return maxExposedSleep - time.Since(*exposed)%maxExposedSleep
}

// SetExposed records that members of a group may open a file with bells.
func (w *Set) SetExposed() { w.exposed.CompareAndSwap(nil, new(time.Now())) }
