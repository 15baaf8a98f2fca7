package waitset

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/shmbus/shmbus/internal/futex"
)

// A coldGroup is a goroutine that sleeps on the bells of cold waiters, as many as one system call takes.
type coldGroup struct {
	set     *Set
	ranges  []waitRange   // guarded by mu of Set
	words   int           // number of bells of all ranges; guarded by mu of Set
	recheck atomic.Uint32 // changes when a range was added

	sleeper futex.Waiter  // of the goroutine
	others  runnableProbe // for the goroutine
}

// A waitRange is a part of the bells of a waiter: from the i-th to before the j-th.
type waitRange struct {
	p    *Waiter
	i, j int
}

// groupWords is the number of bells in a group; one word is the group's own.
const groupWords = futex.MaxWords - 1

// joinGroups adds all bells of p to groups. Called with mu held.
func (w *Set) joinGroups(p *Waiter) {
	p.state = inGroups
	n := p.Bells.Len()
	for i, k := 0, 0; i < n || i == 0; k++ {
		if k == len(w.groups) {
			w.addGroup()
		}
		g := w.groups[k]
		j := min(n, i+groupWords-g.words)
		if j == i && n > 0 {
			continue
		}
		g.ranges = append(g.ranges, waitRange{p, i, j})
		g.words += j - i
		p.groups = append(p.groups, g)
		g.recheck.Add(1)
		futex.Wake(&g.recheck)
		if i = j; n == 0 {
			return
		}
	}
}

func (w *Set) addGroup() {
	var g *coldGroup
	if n := len(w.spareGroups); n > 0 {
		g, w.spareGroups = w.spareGroups[n-1], w.spareGroups[:n-1]
	} else {
		g = &coldGroup{set: w}
	}
	w.groups = append(w.groups, g)
	go g.run()
	if w.alone != nil {
		w.alone.recheck.Add(1) // it joins a group too, and needs no thread of its own
		futex.Wake(&w.alone.recheck)
	}
}

// leaveGroups removes p from its groups. own is the group whose goroutine calls it, or nil. Called with mu held.
func (w *Set) leaveGroups(p *Waiter, own *coldGroup) {
	for _, g := range p.groups {
		g.ranges = slices.DeleteFunc(g.ranges, func(s waitRange) bool {
			if s.p == p {
				g.words -= s.j - s.i
			}
			return s.p == p
		})
		if len(g.ranges) == 0 && g != own {
			g.recheck.Add(1) // it has no bells any more
			futex.Wake(&g.recheck)
		}
	}
	clear(p.groups)
	p.groups = p.groups[:0]
}

// run sleeps on all bells of the group until it has none.
func (g *coldGroup) run() {
	for g.collect() {
		g.set.yieldToOthers(&g.others)
		if err := g.sleeper.Wait(g.set.sleepBound()); err != nil {
			time.Sleep(maxPartialSleep) // the kernel refuses: check at intervals
		}
	}
}

// collect wakes the waiters whose bells rang and collects the bells of the others. It returns false if there are none;
// the group is then no longer in use.
func (g *coldGroup) collect() bool {
	w := g.set
	w.mu.Lock()
	defer w.mu.Unlock()
	g.sleeper.Reset()
	recheck := g.recheck.Load()
	for k := 0; k < len(g.ranges); {
		s := g.ranges[k]
		if s.p.bellChanged(s.i, s.j) {
			w.leaveGroups(s.p, g)
			w.wakeAs(s.p, notWaiting)
			continue
		}
		g.sleeper.Append(&s.p.Bells, s.i, s.j)
		k++
	}
	if len(g.ranges) > 0 {
		g.sleeper.Add(&g.recheck, recheck) // first the bells, which other processes change
		return true
	}
	w.groups = slices.DeleteFunc(w.groups, func(o *coldGroup) bool { return o == g })
	w.spareGroups = append(w.spareGroups, g)
	return false
}
