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

// stayWarm is how long a Reader that took something stays among those whose leader keeps a processor.
const stayWarm = 10 * time.Millisecond

// WaitSet is what all Readers of a process share, so that they wait with few threads and keep at most one processor. The zero
// value is ready to use.
//
// A Reader that waits is warm at first: of all that are warm one, the leader, sleeps on the bells of all, keeping its
// processor, and the others wait for its word on a channel. After a while without a sample a Reader gets cold. If there is
// only one cold Reader it sleeps by itself; several sit in rows, which are goroutines that sleep for as many of them as one
// system call can.
type WaitSet struct {
	mapped atomic.Int64 // bytes of slots that the Readers have mapped
	pieces atomic.Int64 // and of how many arenas

	exposed atomic.Pointer[time.Time] // when a bell was found that members of a group may open, nil = there is none

	stale staleFigures

	told atomic.Int32 // Readers that were told to get up and have not done so yet

	mu    sync.Mutex
	warm  circle
	rows  []*row
	spare []*row   // not in use
	alone *parking // sleeps by itself, with sleeper

	sleeper futex.Waiter
}

// A parking is a Reader's place while it waits.
type parking struct {
	reader *Reader
	bells  futex.Words   // with the values they had before the links were armed
	wake   uint32        // value of the Reader's wake at the beginning of the wait
	grown  uint32        // the same of its grown
	ready  chan struct{} // holds one token
	poked  atomic.Uint32 // changes when a sleeper that is not told by its token must look again

	warmUntil int64 // on the Reader's clock

	at   place         // guarded by mu of WaitSet
	rows []*row        // where it sits; guarded by mu of WaitSet
	own  *futex.Waiter // made when it has more bells than a shared one takes
}

// place is where a parking is.
type place int

const (
	nowhere   place = iota
	leading         // in the circle, asleep for all
	following       // in the circle
	looking         // warm, with more bells than the circle takes
	alone           // cold, asleep for itself
	seated          // cold, in rows
)

func (p *parking) init(r *Reader) { p.reader, p.ready = r, make(chan struct{}, 1) }

// call ends the wait, if there is one; the Reader's wake has changed before.
func (p *parking) call() {
	p.poked.Add(1)
	futex.Wake(&p.poked)
	p.token()
}

// tell ends the wait of p, which is following or seated, at its new place. Called with mu held.
func (w *WaitSet) tell(p *parking, at place) {
	p.at = at
	w.told.Add(1)
	p.token()
}

// token gives the token that ends a wait on the channel.
func (p *parking) token() {
	select {
	case p.ready <- struct{}{}:
	default:
	}
}

// called reports whether somebody called since the wait began.
func (p *parking) called() bool {
	return p.reader.wake.Load() != p.wake || p.reader.grown.Load() != p.grown
}

func (p *parking) now() int64 { return p.reader.clock.Now() }

func (p *parking) rang() bool { return p.heard(0, p.bells.Len()) }

// heard reports whether one of the bells from the i-th to before the j-th rang. One that cannot be read any more did: whoever
// waits for it has to look.
func (p *parking) heard(i, j int) (rang bool) {
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

// wait returns when a bell of p rang or p was called; it may return early.
//
// A token from before the wait is taken away first, then called is asked: whoever calls later leaves a token, or changes poked
// after the sleeper has read it.
func (w *WaitSet) wait(p *parking) error {
	select {
	case <-p.ready:
	default:
	}
	if p.called() {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.place(p)
	for {
		switch p.at {
		case nowhere:
			return nil
		case leading:
			if err := w.lead(p); err != nil {
				return err
			}
		case alone:
			return w.sleepAlone(p)
		case looking:
			return w.lookAgain(p)
		default:
			w.mu.Unlock()
			<-p.ready
			w.mu.Lock()
			if p.at == following || p.at == seated {
				w.leave(p) // called
			} else {
				w.told.Add(-1)
			}
		}
	}
}

// place finds a place for p. Called with mu held.
func (w *WaitSet) place(p *parking) {
	warm, large := p.now() < p.warmUntil, p.bells.Len() >= futex.MaxWords
	switch {
	case warm && large:
		p.at = looking
	case warm && w.warm.join(p):
	case w.alone == nil && len(w.rows) == 0 && !large:
		w.alone, p.at = p, alone
	default:
		w.seat(p)
	}
}

// leave gives up the place of p. Its bells may be unmapped afterwards: who sleeps for others looks at the bells of those who
// have a place only, and a sleep on the others is the kernel's business. Called with mu held.
func (w *WaitSet) leave(p *parking) {
	switch p.at {
	case following:
		w.warm.drop(p)
	case seated:
		w.unseat(p, nil)
	}
	p.at = nowhere
}

// sleepAlone sleeps on the bells of p. Called with mu held, which it gives up meanwhile.
func (w *WaitSet) sleepAlone(p *parking) error {
	err := w.sleepOn(p, &w.sleeper, p.bells.Len(), w.nap())
	w.alone, p.at = nil, nowhere
	return err
}

// sleepOn sleeps on the first n bells of p. Called with mu held, which it gives up meanwhile.
func (w *WaitSet) sleepOn(p *parking, s *futex.Waiter, n int, nap time.Duration) error {
	s.Reset()
	poked := p.poked.Load()
	w.mu.Unlock()
	defer w.mu.Lock()
	s.Append(&p.bells, 0, n) // first those that others ring
	s.Add(&p.poked, poked)
	if p.called() {
		return nil
	}
	return s.Wait(nap)
}

// lookAgain is the wait of a Reader that has more bells than one system call takes, while it is warm.
func (w *WaitSet) lookAgain(p *parking) error {
	if p.own == nil {
		p.own = new(futex.Waiter)
	}
	p.at = nowhere
	return w.sleepOn(p, p.own, futex.MaxWords-1, lookPause(p.bells.Len()))
}

// yields is how often whoever told others goes out of their way.
const yields = 4

// makeWay lets others run that are ready to, those that were told first of all, and reports whether these are up.
//
// Without any it does not yield: runtime.Gosched wakes another thread of the process if a processor of the runtime is idle. That
// thread competes with this one for the goroutine and for the machine's processors, right when the next sample may come.
func (w *WaitSet) makeWay(others *runnable) bool {
	if w.told.Load() == 0 && !others.any() {
		return true
	}
	for range yields {
		runtime.Gosched()
		if w.told.Load() == 0 {
			return true
		}
	}
	return false
}

// runnableName is the runtime's count of goroutines that are ready to run and have no processor. Reading it takes some 90 ns,
// no memory and no system call.
const runnableName = "/sched/goroutines/runnable:goroutines"

// A runnable asks the runtime for goroutines of this process that are ready to run. It is for one goroutine at a time; the zero
// value is ready to use.
type runnable struct{ sample [1]metrics.Sample }

// any reports whether there are some, as far as the runtime can tell: it counts without stopping them.
func (r *runnable) any() bool {
	r.sample[0].Name = runnableName
	metrics.Read(r.sample[:])
	v := r.sample[0].Value
	return v.Kind() != metrics.KindUint64 || v.Uint64() > 0
}
