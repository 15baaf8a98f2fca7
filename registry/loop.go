package registry

import (
	"errors"
	"os"
	"time"

	"github.com/shmbus/shmbus/internal/futex"
)

// Looks are not repeated faster than this, nor than they take, so that neither a burst of changes nor somebody who does
// nothing but ring keeps a processor busy.
const (
	minPause = 200 * time.Microsecond
	maxPause = 10 * time.Millisecond
)

// loop looks whenever the bell rings, a watched process ends, or it is time to.
func (r *Registry) loop() {
	w := new(futex.Waiter)
	complained := false
	hasBell := true
	var nextFull time.Time
	for {
		begin := time.Now()
		full := !begin.Before(nextFull)
		if full {
			hasBell = r.bell.check()
			nextFull = begin.Add(lookPeriod)
		}
		// Both are read before the look, so what changes during the look ends the wait after it.
		rung, woken := r.bell.value(), r.wake.Load()
		again, err := r.look(full)
		if errors.Is(err, os.ErrClosed) {
			return
		}
		if err != nil && !complained {
			r.log.Warn("the domain cannot be looked at", "dir", r.dir, "err", err)
		}
		complained = err != nil
		if !hasBell {
			again = min(again, shortPeriod)
		}
		end := time.Now()
		r.wait(w, rung, woken, earlier(nextFull, end.Add(again)))
		pause := min(max(end.Sub(begin), minPause), maxPause)
		time.Sleep(pause - time.Since(end))
	}
}

// wait sleeps until the bell or the wake word has another value, or until the given time.
func (r *Registry) wait(w *futex.Waiter, rung, woken uint32, until time.Time) {
	for r.bell.value() == rung && r.wake.Load() == woken {
		left := time.Until(until)
		if left <= 0 {
			return
		}
		w.Reset()
		if r.bell.word != nil {
			w.Add(r.bell.word, rung)
		}
		w.Add(&r.wake, woken)
		if err := w.Wait(left); err != nil {
			// Somebody cut the registry file short, so that its word is no memory any more.
			time.Sleep(min(left, maxPause))
		}
	}
}

// poke makes the loop look now.
func (r *Registry) poke() {
	r.wake.Add(1)
	futex.Wake(&r.wake)
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
