package shmtransport

import (
	"runtime"
	"runtime/metrics"
	"sync"
	"sync/atomic"
	"time"

	"github.com/shmbus/shmbus/internal/futex"
	"github.com/shmbus/shmbus/internal/sigbus"
)

// warmTime is the time that a Reader stays warm after it took a sample.
const warmTime = 10 * time.Millisecond

// A WaitSet is shared by all Readers of a process, so that they wait with few threads and keep at most one processor.
// The zero value is ready to use.
//
// A waiting Reader is warm at first. Of all warm Readers one is the leader: it sleeps on the bells of all and keeps its
// processor, and the others wait on a channel. After some time without a sample a Reader becomes cold. A single cold
// Reader sleeps by itself. Several cold Readers wait in groups, each of which is a goroutine that sleeps on as many
// bells as one system call takes.
type WaitSet struct {
	mappedBytes  atomic.Int64 // bytes of slots that the Readers have mapped
	mappedArenas atomic.Int64 // number of arenas that the Readers have mapped

	exposed atomic.Pointer[time.Time] // when the first bell was found that members of a group may open; nil = none

	staleStats staleStats

	waking atomic.Int32 // Readers that were woken and do not run yet

	mu          sync.Mutex
	warm        warmSet
	groups      []*coldGroup
	spareGroups []*coldGroup // unused groups
	alone       *waiter      // sleeps by itself, with sleeper

	sleeper futex.Waiter
}

// A waiter is a Reader's state while it waits.
type waiter struct {
	reader    *Reader
	bells     futex.Words   // with their values before the links were armed
	seenWake  uint32        // value of the Reader's wake when the wait began
	seenGrown uint32        // the same of its grown
	ready     chan struct{} // holds one token
	recheck   atomic.Uint32 // changes when a sleeper must check again

	warmUntil int64 // on the Reader's clock

	state      waitState     // guarded by mu of WaitSet
	groups     []*coldGroup  // its groups; guarded by mu of WaitSet
	ownSleeper *futex.Waiter // for more bells than a shared one takes; made when needed
}

// A waitState is how a waiter waits.
type waitState int

const (
	notWaiting    waitState = iota
	leading                 // in the warm set, asleep for all
	following               // in the warm set
	polling                 // warm, with more bells than the warm set takes
	sleepingAlone           // cold, asleep for itself
	inGroups                // cold, in groups
)

func (p *waiter) init(r *Reader) { p.reader, p.ready = r, make(chan struct{}, 1) }

// wakeUp ends the wait, if there is one. The Reader's wake or grown must have changed before.
func (p *waiter) wakeUp() {
	p.recheck.Add(1)
	futex.Wake(&p.recheck)
	p.putToken()
}

// wakeAs ends the wait of p, which is following or in groups, with a new state. Called with mu held.
func (w *WaitSet) wakeAs(p *waiter, state waitState) {
	p.state = state
	w.waking.Add(1)
	p.putToken()
}

// putToken puts the token that ends a wait on the channel.
func (p *waiter) putToken() {
	select {
	case p.ready <- struct{}{}:
	default:
	}
}

// wokenUp reports whether wakeUp was called since the wait began.
func (p *waiter) wokenUp() bool {
	return p.reader.wake.Load() != p.seenWake || p.reader.grown.Load() != p.seenGrown
}

func (p *waiter) now() int64 { return p.reader.clock.Now() }

func (p *waiter) anyBellChanged() bool { return p.bellChanged(0, p.bells.Len()) }

// bellChanged reports whether one of the bells from the i-th to before the j-th rang. A bell whose memory faults counts
// as rung, because its waiter has to check it.
func (p *waiter) bellChanged(i, j int) (rang bool) {
	defer func(before sigbus.Mode) {
		before.Restore()
		if e := recover(); e != nil {
			if !p.bells.In(i, j, e) {
				panic(e)
			}
			rang = true
		}
	}(sigbus.Guard())
	return p.bells.Changed(i, j)
}

// wait returns when a bell of p rang or p was woken up; it may return early.
//
// An earlier token is removed before wokenUp is called. A later wakeUp leaves a token, or changes recheck after the
// sleeper has loaded it.
func (w *WaitSet) wait(p *waiter) error {
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
		case polling:
			return w.poll(p)
		default:
			w.mu.Unlock()
			<-p.ready
			w.mu.Lock()
			if p.state == following || p.state == inGroups {
				w.dequeue(p) // woken up
			} else {
				w.waking.Add(-1)
			}
		}
	}
}

// enqueue chooses the wait state of p. Called with mu held.
func (w *WaitSet) enqueue(p *waiter) {
	warm, large := p.now() < p.warmUntil, p.bells.Len() >= futex.MaxWords
	switch {
	case warm && large:
		p.state = polling
	case warm && w.warm.add(p):
	case w.alone == nil && len(w.groups) == 0 && !large:
		w.alone, p.state = p, sleepingAlone
	default:
		w.joinGroups(p)
	}
}

// dequeue ends the wait state of p. Its bells may be unmapped afterwards: sleepers for others load only the bells of
// Readers that wait, and the kernel handles a sleep on an unmapped bell. Called with mu held.
func (w *WaitSet) dequeue(p *waiter) {
	switch p.state {
	case following:
		w.warm.remove(p)
	case inGroups:
		w.leaveGroups(p, nil)
	}
	p.state = notWaiting
}

// sleepAlone sleeps on the bells of p. Called with mu held, which it releases meanwhile.
func (w *WaitSet) sleepAlone(p *waiter) error {
	err := w.sleepOnBells(p, &w.sleeper, p.bells.Len(), w.sleepBound())
	w.alone, p.state = nil, notWaiting
	return err
}

// sleepOnBells sleeps on the first n bells of p. Called with mu held, which it releases meanwhile.
func (w *WaitSet) sleepOnBells(p *waiter, s *futex.Waiter, n int, bound time.Duration) error {
	s.Reset()
	recheck := p.recheck.Load()
	w.mu.Unlock()
	defer w.mu.Lock()
	s.Append(&p.bells, 0, n) // first the words that other processes change
	s.Add(&p.recheck, recheck)
	if p.wokenUp() {
		return nil
	}
	return s.Wait(bound)
}

// poll is the wait of a warm Reader that has more bells than one system call takes.
func (w *WaitSet) poll(p *waiter) error {
	if p.ownSleeper == nil {
		p.ownSleeper = new(futex.Waiter)
	}
	p.state = notWaiting
	return w.sleepOnBells(p, p.ownSleeper, futex.MaxWords-1, scanDelay(p.bells.Len()))
}

// maxYields is the number of times that a goroutine yields to the Readers that it woke.
const maxYields = 4

// yieldToOthers lets other ready goroutines run, above all woken Readers, and reports whether all of these run.
//
// It does not yield if no goroutine is ready: runtime.Gosched wakes another thread of the process if a processor of the
// runtime is idle. That thread competes with this one for the goroutine and for the machine's processors, right when
// the next sample may come.
func (w *WaitSet) yieldToOthers(others *runnableProbe) bool {
	if w.waking.Load() == 0 && !others.any() {
		return true
	}
	for range maxYields {
		runtime.Gosched()
		if w.waking.Load() == 0 {
			return true
		}
	}
	return false
}

// runnableName is the runtime's count of goroutines that are ready to run and have no processor. Reading it takes some
// 90 ns, no memory and no system call.
const runnableName = "/sched/goroutines/runnable:goroutines"

// A runnableProbe asks the runtime for goroutines of this process that are ready to run. It is for one goroutine at a
// time. The zero value is ready to use.
type runnableProbe struct{ sample [1]metrics.Sample }

// any reports whether there are some. The answer is approximate: the runtime counts without stopping them.
func (r *runnableProbe) any() bool {
	r.sample[0].Name = runnableName
	metrics.Read(r.sample[:])
	v := r.sample[0].Value
	return v.Kind() != metrics.KindUint64 || v.Uint64() > 0
}
