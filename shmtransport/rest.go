package shmtransport

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/shmbus/shmbus/internal/futex"
)

// MinLatencyBudget is the smallest LatencyBudget, and the shortest interval between two looks. A publisher whose ring would need more looks
// wakes the Reader.
const MinLatencyBudget = time.Millisecond

// smallRing is the number of entries below which a ring rings for each sample: too few are left while the Reader wakes up.
const smallRing = 8

// rest is sleep for a Reader with a LatencyBudget. It returns at the end of the interval, when a ring has filled unusually fast, or when a
// bell of another link rings. With no such link it waits for a timer only: after a goroutine goes to sleep in a system call, the monitor of
// the runtime looks after it every 20 us for a while, which costs more than the samples of a kHz.
func (r *Reader) rest(wake uint32) (ready bool, err error) {
	r.setCalls(r.waiter, wake, r.grown.Load())
	list := r.links.Load()
	r.adaptRest(*list)
	r.watch.set(r, list)
	r.waiter.Bells.Reset()
	r.nextEpoch()
	r.arm(*list)
	if ready = r.anyReady(); !ready {
		r.set.staleStats.updateNow()
		err = r.set.waits.Wait(r.waiter)
		ready = r.anyReady()
	}
	r.disarm(*list)
	return ready, err
}

// restsOn reports whether a link is armed with a sequence, so that the Reader does not sleep on its bell.
func (r *Reader) restsOn(l *Link) bool {
	return r.interval > 0 && l.phase == linkAdmitted && l.ring.Depth() >= smallRing
}

// armedWord returns the value that arms a link.
func (r *Reader) armedWord(l *Link) uint32 {
	if r.restsOn(l) {
		return armedFrom | uint32(l.cursor+l.wakeAfter-1)
	}
	return r.epoch
}

// adaptRest adapts the interval, and the number of samples that wakes the Reader, to what came since the last rest. The fullest ring is to
// be from a quarter to three eighths full at the next one. A ring that fills twice as fast as before wakes the Reader, and does so while
// it is at least half empty: what comes until the Reader runs needs room.
func (r *Reader) adaptRest(links []*Link) {
	shorter, longer := false, true
	for _, l := range links {
		if !r.restsOn(l) {
			continue
		}
		came, depth := l.cursor-l.restedAt, uint64(l.ring.Depth())
		l.restedAt = l.cursor
		l.wakeAfter = min(max(depth/8, 2*came+2), depth/2)
		shorter = shorter || came >= depth/8*3
		longer = longer && came < depth/4
	}
	switch {
	case shorter:
		r.interval = max(r.interval-r.interval/4, MinLatencyBudget)
	case longer:
		r.interval = min(r.interval+r.interval/8, r.opts.LatencyBudget)
	}
	r.waiter.Longest = r.interval
}

// A ringWatch sleeps on the armed words of a Reader's links, which are in this process's memory, and wakes the Reader when a publisher wakes
// one of them. It sleeps on while the Reader takes samples and rests again: the kernel compares the words only at its beginning.
type ringWatch struct {
	list    *[]*Link // that is watched
	groups  []*watchGroup
	running sync.WaitGroup
}

// A watchGroup is a goroutine that sleeps on as many words as one system call takes.
type watchGroup struct {
	changed atomic.Uint32
	mu      sync.Mutex
	words   []*atomic.Uint32
	closed  bool
}

// watchWords is the number of armed words in a group; one word is the group's own.
const watchWords = futex.MaxWords - 1

// set watches the links of a list.
func (w *ringWatch) set(r *Reader, list *[]*Link) {
	if w.list == list {
		return
	}
	w.list = list
	links := *list
	for k := 0; k < len(w.groups) || len(links) > 0; k++ {
		if k == len(w.groups) {
			g := new(watchGroup)
			w.groups = append(w.groups, g)
			w.running.Go(func() { g.run(r) })
		}
		n := min(len(links), watchWords)
		words := make([]*atomic.Uint32, n)
		for i, l := range links[:n] {
			words[i] = l.armed
		}
		w.groups[k].update(words, false)
		links = links[n:]
	}
}

// close ends the goroutines, which must not load the words of a closed Reader.
func (w *ringWatch) close() {
	for _, g := range w.groups {
		g.update(nil, true)
	}
	w.running.Wait()
}

func (g *watchGroup) update(words []*atomic.Uint32, closed bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.words, g.closed = words, closed
	g.changed.Add(1)
	futex.Wake(&g.changed)
}

func (g *watchGroup) run(r *Reader) {
	var sleeper futex.Waiter
	for g.collect(&sleeper) {
		if err := sleeper.Wait(time.Minute); err != nil {
			time.Sleep(r.opts.LatencyBudget) // the kernel refuses: the Reader looks at intervals
		}
		r.Wake()
		runtime.Gosched() // the Reader comes first
	}
}

// collect tells the sleeper what to sleep on. It returns false if the group is closed.
func (g *watchGroup) collect(sleeper *futex.Waiter) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	sleeper.Reset()
	for _, word := range g.words {
		sleeper.Add(word, word.Load())
	}
	sleeper.Add(&g.changed, g.changed.Load())
	return !g.closed
}
