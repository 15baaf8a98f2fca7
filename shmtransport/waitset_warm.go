package shmtransport

import (
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"github.com/shmbus/shmbus/internal/futex"
)

const (
	// maxHoldingSleep bounds a sleep that keeps its processor: what else wants to run there waits no longer.
	maxHoldingSleep = 2 * time.Millisecond
	// shortYield is how long others may take that are ready to run, for the leader to keep its processor afterwards.
	shortYield = 20 * time.Microsecond
)

// A warmSet is the warm Readers of a process. One of them leads: it sleeps on the bells of all and keeps its processor, which
// halves the time to wake up. When another's bell rings it lets that one run in its place. When its own bell rings another one
// leads. It goes on, cold itself, while anybody else is warm.
type warmSet struct {
	leader    *waiter
	followers []*waiter
	words     int           // bells of all
	asleep    atomic.Bool   // the leader is about to sleep, or does
	sleeper   futex.Waiter  // of the leader
	others    runnableProbe // for the leader
}

// add makes p lead, or follow, if there is a processor to keep and room for its bells. Called with mu of WaitSet held.
func (c *warmSet) add(p *waiter) bool {
	n := p.bells.Len()
	if c.words+n >= futex.MaxWords || runtime.GOMAXPROCS(0) == 1 {
		return false
	}
	c.words += n
	if c.leader == nil {
		c.leader, p.state = p, leading
		return true
	}
	p.state = following
	c.followers = append(c.followers, p)
	// The leader loads poked before it looks at who follows, and says that it is asleep before the kernel compares poked.
	c.leader.recheck.Add(1)
	if c.asleep.Load() {
		futex.Wake(&c.leader.recheck)
	}
	return true
}

// remove takes out a follower.
func (c *warmSet) remove(p *waiter) {
	if i := slices.Index(c.followers, p); i >= 0 {
		c.followers = slices.Delete(c.followers, i, i+1)
		c.words -= p.bells.Len()
	}
}

// passLead makes another one lead. Called with mu held.
func (w *WaitSet) passLead() {
	c := &w.warm
	c.words -= c.leader.bells.Len()
	c.leader.state = notWaiting
	c.leader = nil
	if len(c.followers) > 0 {
		next := c.followers[0]
		c.followers = slices.Delete(c.followers, 0, 1)
		c.leader = next
		w.wakeAs(next, leading)
	}
}

// lead sleeps for the circle until p, its leader, has to look, or is cold, the last, and has another place. Called with mu held, which it
// gives up meanwhile.
func (w *WaitSet) lead(p *waiter) error {
	c := &w.warm
	for {
		poked := p.recheck.Load()
		if p.wokenUp() || p.anyBellChanged() {
			w.passLead()
			return nil
		}
		now := p.now()
		c.sleeper.Reset()
		c.sleeper.Append(&p.bells, 0, p.bells.Len())
		w.checkFollowers(now)
		c.sleeper.Add(&p.recheck, poked) // first the bells, that others ring
		if now >= p.warmUntil && len(c.followers) == 0 {
			w.passLead()
			w.enqueue(p)
			return nil
		}
		w.mu.Unlock()
		err := w.sleepForAll(p, now)
		w.mu.Lock()
		if err != nil {
			w.passLead()
			return err
		}
	}
}

// checkFollowers tells those whose bells rang, gives the cold ones another place, and lets the leader sleep on the bells of
// the others. Called with mu held.
func (w *WaitSet) checkFollowers(now int64) {
	c := &w.warm
	for i := 0; i < len(c.followers); {
		f := c.followers[i]
		switch {
		case f.anyBellChanged():
			c.remove(f)
			w.wakeAs(f, notWaiting)
		case now >= f.warmUntil:
			c.remove(f)
			w.joinGroups(f)
		default:
			c.sleeper.Append(&f.bells, 0, f.bells.Len())
			i++
		}
	}
}

// sleepForAll lets the others run first, those that were told and whatever else the process does. If that took long there is
// more to do than processors for it, and none is kept.
func (w *WaitSet) sleepForAll(p *waiter, now int64) error {
	c := &w.warm
	free := w.yieldToOthers(&c.others)
	began := p.now()
	free = free && time.Duration(began-now) < shortYield
	c.asleep.Store(true)
	defer c.asleep.Store(false)
	if free {
		return c.sleeper.WaitHolding(maxHoldingSleep)
	}
	return c.sleeper.Wait(maxHoldingSleep)
}
