package shmtransport

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/shmbus/shmbus/internal/futex"
)

// directSleeps is how many Readers of a process may each block a thread in the kernel, which is the fastest ordinary way to
// wake up. The others park: threads of their own would be too many where a process has hundreds of idle subscriptions.
const directSleeps = 8

// A lot is where Readers park: few goroutines sleep in the kernel on the words of many Readers and tell each one whose words
// changed.
type lot struct {
	mu   sync.Mutex
	rows []*row
}

// A row is one goroutine of a lot and the Readers whose words it sleeps on, as many as one system call takes.
type row struct {
	lot    *lot
	words  int // of all parked Readers, guarded by lot.mu
	parked []*parking
	wake   atomic.Uint32 // changes when parked did
}

// A parking is what a Reader waits for.
type parking struct {
	words *futex.Waiter
	ready chan struct{} // holds one token
	timer *time.Timer
}

func newParking(words *futex.Waiter) *parking {
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	return &parking{words: words, ready: make(chan struct{}, 1), timer: timer}
}

// park returns when a word of p changed or timeout passed.
func (l *lot) park(p *parking, timeout time.Duration) {
	p.timer.Reset(timeout)
	defer p.timer.Stop()
	r := l.enter(p)
	select {
	case <-p.ready:
	case <-p.timer.C:
		if !l.leave(r, p) {
			<-p.ready // the row was about to tell us
		}
	}
}

// enter puts p into a row with room for its words.
func (l *lot) enter(p *parking) *row {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.IndexFunc(l.rows, func(r *row) bool { return r.words+p.words.Len() < futex.MaxWords })
	if i < 0 {
		i = len(l.rows)
		r := &row{lot: l}
		l.rows = append(l.rows, r)
		go r.attend()
	}
	r := l.rows[i]
	r.words += p.words.Len()
	r.parked = append(r.parked, p)
	r.wake.Add(1)
	futex.Wake(&r.wake)
	return r
}

// leave takes p out of its row and reports whether it was still there. Its words may be unmapped afterwards: the row's
// goroutine looks at those of parked Readers only, and a sleep on the others is the kernel's business.
func (l *lot) leave(r *row, p *parking) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.Index(r.parked, p)
	if i < 0 {
		return false
	}
	r.drop(i)
	return true
}

// drop removes a Reader from the row. Called with lot.mu held.
func (r *row) drop(i int) {
	r.words -= r.parked[i].words.Len()
	r.parked = slices.Delete(r.parked, i, i+1)
}

// attend sleeps on all words of the row until nobody is parked in it.
func (r *row) attend() {
	sleeper := new(futex.Waiter)
	for r.gather(sleeper) {
		if err := sleeper.Wait(longNap); err != nil {
			time.Sleep(crowdNap) // the kernel refuses: look by ourselves
		}
	}
}

// gather tells the Readers whose words changed and collects the words of the others. It reports false when there are none;
// the row is then no longer in its lot.
func (r *row) gather(sleeper *futex.Waiter) bool {
	r.lot.mu.Lock()
	defer r.lot.mu.Unlock()
	sleeper.Reset()
	sleeper.Add(&r.wake, r.wake.Load())
	for i := 0; i < len(r.parked); {
		p := r.parked[i]
		if p.words.Changed() {
			r.drop(i)
			p.ready <- struct{}{}
			continue
		}
		sleeper.Append(p.words)
		i++
	}
	if len(r.parked) > 0 {
		return true
	}
	r.lot.rows = slices.DeleteFunc(r.lot.rows, func(o *row) bool { return o == r })
	return false
}
