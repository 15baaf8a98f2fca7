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

// warmTime is how long a Reader that took something stays among those whose leader keeps a processor.
const warmTime = 10 * time.Millisecond

// WaitSet is what all Readers of a process share, so that they wait with few threads and keep at most one processor. The zero
// value is ready to use.
//
// A Reader that waits is warm at first: of all that are warm one, the leader, sleeps on the bells of all, keeping its
// processor, and the others wait for its word on a channel. After a while without a sample a Reader gets cold. If there is
// only one cold Reader it sleeps by itself; several sit in rows, which are goroutines that sleep for as many of them as one
// system call can.
type WaitSet struct {
	mappedBytes  atomic.Int64 // bytes of slots that the Readers have mapped
	mappedArenas atomic.Int64 // and of how many arenas

	exposed atomic.Pointer[time.Time] // when a bell was found that members of a group may open, nil = there is none

	staleStats staleStats

	waking atomic.Int32 // Readers that were told to get up and have not done so yet

	mu          sync.Mutex
	warm        warmSet
	groups      []*coldGroup
	spareGroups []*coldGroup // not in use
	alone       *waiter      // sleeps by itself, with sleeper

	sleeper futex.Waiter
}

// A waiter is a Reader's place while it waits.
type waiter struct {
	reader   *Reader
	bells    futex.Words   // with the values they had before the links were armed
	seenWake uint32        // value of the Reader's wake at the beginning of the wait
	ready    chan struct{} // holds one token
	recheck  atomic.Uint32 // changes when a sleeper that is not told by its token must look again

	warmUntil int64 // on the Reader's clock

	state      waitState     // guarded by mu of WaitSet
	groups     []*coldGroup  // where it sits; guarded by mu of WaitSet
	ownSleeper *futex.Waiter // made when it has more bells than a shared one takes
}

// waitState is where a parking is.
type waitState int

const (
	notWaiting    waitState = iota
	leading                 // in the circle, asleep for all
	following               // in the circle
	polling                 // warm, with more bells than the circle takes
	sleepingAlone           // cold, asleep for itself
	inGroups                // cold, in rows
)

func (p *waiter) init(r *Reader) { p.reader, p.ready = r, make(chan struct{}, 1) }

// wakeUp ends the wait, if there is one; the Reader's wake has changed before.
func (p *waiter) wakeUp() {
	p.recheck.Add(1)
	futex.Wake(&p.recheck)
	p.putToken()
}

// wakeAs ends the wait of p, which is following or seated, at its new place. Called with mu held.
func (w *WaitSet) wakeAs(p *waiter, at waitState) {
	p.state = at
	w.waking.Add(1)
	p.putToken()
}

// putToken gives the token that ends a wait on the channel.
func (p *waiter) putToken() {
	select {
	case p.ready <- struct{}{}:
	default:
	}
}

// wokenUp reports whether somebody called since the wait began.
func (p *waiter) wokenUp() bool { return p.reader.wake.Load() != p.seenWake }

func (p *waiter) now() int64 { return p.reader.clock.Now() }

func (p *waiter) anyBellChanged() bool { return p.bellChanged(0, p.bells.Len()) }

// bellChanged reports whether one of the bells from the i-th to before the j-th rang. One that cannot be read any more did: whoever
// waits for it has to look.
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

// wait returns when a bell of p rang or p was called; it may return early. It reports whether nothing happened that it knows of, so
// that the caller may look at its links and wait again with the same bells.
//
// A token from before the wait is taken away first, then called is asked: whoever calls later leaves a token, or changes poked
// after the sleeper has read it.
func (w *WaitSet) wait(p *waiter) (again bool, err error) {
	select {
	case <-p.ready:
	default:
	}
	if p.wokenUp() {
		return false, nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.enqueue(p)
	for {
		switch p.state {
		case notWaiting:
			return false, nil
		case leading:
			if err := w.lead(p); err != nil {
				return false, err
			}
		case sleepingAlone:
			return false, w.sleepAlone(p)
		case polling:
			return w.poll(p)
		default:
			w.mu.Unlock()
			<-p.ready
			w.mu.Lock()
			if p.state == following || p.state == inGroups {
				w.dequeue(p) // called
			} else {
				w.waking.Add(-1)
			}
		}
	}
}

// enqueue finds a place for p. Called with mu held.
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

// dequeue gives up the place of p. Its bells may be unmapped afterwards: who sleeps for others looks at the bells of those who
// have a place only, and a sleep on the others is the kernel's business. Called with mu held.
func (w *WaitSet) dequeue(p *waiter) {
	switch p.state {
	case following:
		w.warm.remove(p)
	case inGroups:
		w.leaveGroups(p, nil)
	}
	p.state = notWaiting
}

// sleepAlone sleeps on the bells of p. Called with mu held, which it gives up meanwhile.
func (w *WaitSet) sleepAlone(p *waiter) error {
	err := w.sleepOnBells(p, &w.sleeper, p.bells.Len(), w.sleepBound())
	w.alone, p.state = nil, notWaiting
	return err
}

// sleepOnBells sleeps on the first n bells of p. Called with mu held, which it gives up meanwhile.
func (w *WaitSet) sleepOnBells(p *waiter, s *futex.Waiter, n int, nap time.Duration) error {
	s.Reset()
	poked := p.recheck.Load()
	w.mu.Unlock()
	defer w.mu.Lock()
	s.Append(&p.bells, 0, n) // first those that others ring
	s.Add(&p.recheck, poked)
	if p.wokenUp() {
		return nil
	}
	return s.Wait(nap)
}

// poll is the wait of a Reader that has more bells than one system call takes, while it is warm.
func (w *WaitSet) poll(p *waiter) (again bool, err error) {
	if p.ownSleeper == nil {
		p.ownSleeper = new(futex.Waiter)
	}
	err = w.sleepOnBells(p, p.ownSleeper, futex.MaxWords-1, scanDelay(p.bells.Len()))
	p.state = notWaiting
	return p.now() < p.warmUntil && !p.wokenUp() && !p.anyBellChanged(), err
}

// maxYields is how often whoever told others goes out of their way.
const maxYields = 4

// yieldToOthers lets others run that are ready to, those that were told first of all, and reports whether these are up.
//
// Without any it does not yield: runtime.Gosched wakes another thread of the process if a processor of the runtime is idle. That
// thread competes with this one for the goroutine and for the machine's processors, right when the next sample may come.
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

// runnableName is the runtime's count of goroutines that are ready to run and have no processor. Reading it takes some 90 ns,
// no memory and no system call.
const runnableName = "/sched/goroutines/runnable:goroutines"

// A runnableProbe asks the runtime for goroutines of this process that are ready to run. It is for one goroutine at a time; the zero
// value is ready to use.
type runnableProbe struct{ sample [1]metrics.Sample }

// any reports whether there are some, as far as the runtime can tell: it counts without stopping them.
func (r *runnableProbe) any() bool {
	r.sample[0].Name = runnableName
	metrics.Read(r.sample[:])
	v := r.sample[0].Value
	return v.Kind() != metrics.KindUint64 || v.Uint64() > 0
}
