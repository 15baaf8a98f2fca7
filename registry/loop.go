package registry

import (
	"errors"
	"os"
	"time"

	"github.com/shmbus/shmbus/internal/futex"
)

// The loop scans for at most two thirds of the time, however often the bells ring. A scan counts with its duration, within these
// limits. A pause follows when scans are ahead of their share by more than maxAhead. Without that allowance each scan would be
// followed by a pause, and the shortest sleep of an idle process takes a millisecond.
const (
	minCost  = 200 * time.Microsecond
	maxCost  = 10 * time.Millisecond
	maxAhead = 3 * time.Millisecond
)

// loop scans when a bell of this participant rings, when a watched process ends, and periodically.
func (r *Registry) loop() {
	e := new(waitWords)
	complained := false
	hasBell := true
	var nextFull, paid time.Time // scans so far have used their share of the time until paid
	for {
		begin := time.Now()
		deep := hinted
		if !begin.Before(nextFull) {
			deep = regular
			hasBell = r.bell.check()
			nextFull = begin.Add(scanPeriod)
		}
		// All words are read before the scan, so a change during the scan ends the wait after it.
		r.collectWords(e)
		again, err := r.scan(deep)
		if errors.Is(err, os.ErrClosed) {
			return
		}
		if err != nil && !complained {
			r.log.Warn("the domain cannot be scanned", "dir", r.dir, "err", err)
		}
		complained = err != nil
		if !hasBell {
			again = min(again, shortPeriod)
		}
		end := time.Now()
		r.wait(e, earlier(nextFull, end.Add(again)))
		cost := min(max(end.Sub(begin), minCost), maxCost)
		if paid.Before(begin) {
			paid = begin
		}
		paid = paid.Add(cost + cost/2)
		if ahead := time.Until(paid); ahead > maxAhead {
			time.Sleep(ahead)
		}
	}
}

// collectWords adds all that the loop waits on. The wake word is read first: wakeLoop announces further bells to wait on, which are either in
// the list then, or end the wait.
func (r *Registry) collectWords(e *waitWords) {
	wake := r.wake.Load()
	e.reset()
	r.bell.collectWords(e, r.self.id, r.interest)
	e.addRead(&r.wake, wake)
}

// wait sleeps until a word changes, or until the given time.
func (r *Registry) wait(e *waitWords, until time.Time) {
	for !r.bell.changed(e) {
		left := time.Until(until)
		if left <= 0 {
			return
		}
		if err := e.waiter.Wait(left); err != nil {
			// The registry file was truncated: its words have no memory.
			time.Sleep(min(left, maxCost))
		}
	}
}

// wakeLoop makes the loop scan now.
func (r *Registry) wakeLoop() {
	r.wake.Add(1)
	futex.Wake(&r.wake)
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
