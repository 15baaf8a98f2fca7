package registry

import (
	"errors"
	"os"
	"time"

	"github.com/shmbus/shmbus/internal/futex"
)

// Scans take at most half of a processor, however often the bells ring: a scan counts as long as it took, within these bounds,
// and a pause follows when scans are ahead of their half by more than maxAhead. Without that allowance a pause would follow
// each scan, and the runtime's shortest sleep of an idle process is a millisecond.
const (
	minCost  = 200 * time.Microsecond
	maxCost  = 10 * time.Millisecond
	maxAhead = 3 * time.Millisecond
)

// loop looks whenever a bell rings that concerns this participant, a watched process ends, or it is time to.
func (r *Registry) loop() {
	e := new(waitWords)
	complained := false
	hasBell := true
	var nextFull, paid time.Time // scans so far have used their half of the time until paid
	for {
		begin := time.Now()
		deep := hinted
		if !begin.Before(nextFull) {
			deep = regular
			hasBell = r.bell.check()
			nextFull = begin.Add(lookPeriod)
		}
		// All are read before the look, so what changes during the look ends the wait after it.
		e.reset()
		r.bell.collectWords(e, r.self.id, r.interest)
		e.add(&r.wake)
		again, err := r.scan(deep)
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
		r.wait(e, earlier(nextFull, end.Add(again)))
		cost := min(max(end.Sub(begin), minCost), maxCost)
		if paid.Before(begin) {
			paid = begin
		}
		paid = paid.Add(2 * cost)
		if ahead := time.Until(paid); ahead > maxAhead {
			time.Sleep(ahead)
		}
	}
}

// wait sleeps until something was heard, or until the given time.
func (r *Registry) wait(e *waitWords, until time.Time) {
	for !r.bell.changed(e) {
		left := time.Until(until)
		if left <= 0 {
			return
		}
		if err := e.waiter.Wait(left); err != nil {
			// Somebody cut the registry file short, so that its words are no memory any more.
			time.Sleep(min(left, maxCost))
		}
	}
}

// wakeLoop makes the loop look now.
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
