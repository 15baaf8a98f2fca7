package waitset

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/shmbus/shmbus/internal/futex"
	"github.com/shmbus/shmbus/internal/process"
)

const (
	// maxHoldingSleep bounds a sleep that keeps its processor, and so the delay of other work on that processor.
	maxHoldingSleep = 2 * time.Millisecond
	// shortYield is the time that other ready goroutines may take for the leader to keep its processor afterwards.
	shortYield = 20 * time.Microsecond
)

// A warmSet is the warm waiters of a process. One of them is the leader: it sleeps on the bells of all and keeps its
// processor, which halves the time to wake up. When the bell of another waiter rings, the leader wakes it. When the
// leader's own bell rings, another waiter becomes the leader. A cold leader goes on while another waiter is warm.
type warmSet struct {
	leader    *Waiter
	followers []*Waiter
	words     int           // number of bells of all
	asleep    atomic.Bool   // the leader is asleep or about to sleep
	sleeper   futex.Waiter  // of the leader
	others    runnableProbe // for the leader
}

// add makes p the leader or a follower, if there is a processor to keep and room for its bells. Called with mu of
// Set held.
func (c *warmSet) add(p *Waiter) bool {
	n := p.Bells.Len()
	if c.words+n >= futex.MaxWords || process.OneProcessor() {
		return false
	}
	c.words += n
	if c.leader == nil {
		c.leader, p.state = p, leading
		return true
	}
	p.state = following
	c.followers = append(c.followers, p)
	// The leader loads recheck before it reads the followers, and sets asleep before the kernel compares recheck.
	c.leader.recheck.Add(1)
	if c.asleep.Load() {
		futex.Wake(&c.leader.recheck)
	}
	return true
}

// remove removes a follower.
func (c *warmSet) remove(p *Waiter) {
	if i := slices.Index(c.followers, p); i >= 0 {
		c.followers = slices.Delete(c.followers, i, i+1)
		c.words -= p.Bells.Len()
	}
}

// passLead makes another waiter the leader. Called with mu held.
func (w *Set) passLead() {
	c := &w.warm
	c.words -= c.leader.Bells.Len()
	c.leader.state = notWaiting
	c.leader = nil
	if len(c.followers) > 0 {
		next := c.followers[0]
		c.followers = slices.Delete(c.followers, 0, 1)
		c.leader = next
		w.wakeAs(next, leading)
	}
}

// lead sleeps for the warm set until p, its leader, has to check its links, or is cold without followers and has
// another state. Called with mu held, which it releases meanwhile.
func (w *Set) lead(p *Waiter) error {
	c := &w.warm
	for {
		recheck := p.recheck.Load()
		if p.wokenUp() || p.anyBellChanged() {
			w.passLead()
			return nil
		}
		now := p.clock.Now()
		c.sleeper.Reset()
		c.sleeper.Append(&p.Bells, 0, p.Bells.Len())
		w.checkFollowers(now)
		c.sleeper.Add(&p.recheck, recheck) // first the bells, which other processes change
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

// checkFollowers wakes the followers whose bells rang, moves the cold ones to groups, and lets the leader sleep on the
// bells of the others. Called with mu held.
func (w *Set) checkFollowers(now int64) {
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
			c.sleeper.Append(&f.Bells, 0, f.Bells.Len())
			i++
		}
	}
}

// sleepForAll first lets other goroutines run, woken waiters and any other work. If that took long there is more work
// than processors, and the leader does not keep one.
func (w *Set) sleepForAll(p *Waiter, now int64) error {
	c := &w.warm
	free := w.yieldToOthers(&c.others)
	began := p.clock.Now()
	free = free && time.Duration(began-now) < shortYield
	c.asleep.Store(true)
	defer c.asleep.Store(false)
	if free {
		return c.sleeper.WaitHolding(maxHoldingSleep)
	}
	return c.sleeper.Wait(maxHoldingSleep)
}
