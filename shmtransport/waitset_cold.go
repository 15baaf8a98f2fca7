package shmtransport

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/shmbus/shmbus/internal/futex"
)

// A row is a goroutine that sleeps on the bells of cold Readers, as many as one system call takes.
type row struct {
	waits *WaitSet
	seats []seat        // guarded by mu of WaitSet
	words int           // bells of all seats; guarded by mu of WaitSet
	poked atomic.Uint32 // changes when somebody sat down

	sleeper futex.Waiter // of the goroutine
	others  runnable     // for the goroutine
}

// A seat is some of the bells of a Reader: from the i-th to before the j-th.
type seat struct {
	p    *parking
	i, j int
}

// rowWords is how many bells a row has room for; one word is its own.
const rowWords = futex.MaxWords - 1

// seat finds seats for all bells of p. Called with mu held.
func (w *WaitSet) seat(p *parking) {
	p.at = seated
	n := p.bells.Len()
	for i, k := 0, 0; i < n || i == 0; k++ {
		if k == len(w.rows) {
			w.addRow()
		}
		r := w.rows[k]
		j := min(n, i+rowWords-r.words)
		if j == i && n > 0 {
			continue
		}
		r.seats = append(r.seats, seat{p, i, j})
		r.words += j - i
		p.rows = append(p.rows, r)
		r.poked.Add(1)
		futex.Wake(&r.poked)
		if i = j; n == 0 {
			return
		}
	}
}

func (w *WaitSet) addRow() {
	var r *row
	if n := len(w.spare); n > 0 {
		r, w.spare = w.spare[n-1], w.spare[:n-1]
	} else {
		r = &row{waits: w}
	}
	w.rows = append(w.rows, r)
	go r.attend()
	if w.alone != nil {
		w.alone.poked.Add(1) // it sits down too, and needs no thread of its own
		futex.Wake(&w.alone.poked)
	}
}

// unseat takes p out of its rows; whose goroutine calls is one of these, if any does. Called with mu held.
func (w *WaitSet) unseat(p *parking, whose *row) {
	for _, r := range p.rows {
		r.seats = slices.DeleteFunc(r.seats, func(s seat) bool {
			if s.p == p {
				r.words -= s.j - s.i
			}
			return s.p == p
		})
		if len(r.seats) == 0 && r != whose {
			r.poked.Add(1) // it has nothing to sleep for any more
			futex.Wake(&r.poked)
		}
	}
	clear(p.rows)
	p.rows = p.rows[:0]
}

// attend sleeps on all bells of the row until nobody sits in it.
func (r *row) attend() {
	for r.gather() {
		r.waits.makeWay(&r.others)
		if err := r.sleeper.Wait(r.waits.nap()); err != nil {
			time.Sleep(crowdNap) // the kernel refuses: look by ourselves
		}
	}
}

// nap is how long a sleep may last. Those on bells that are exposed end together: the process then wakes once, not once for each.
func (w *WaitSet) nap() time.Duration {
	exposed := w.exposed.Load()
	if exposed == nil {
		return longNap
	}
	return exposedNap - time.Since(*exposed)%exposedNap
}

// expose notes that the group of a wake file may open it.
func (w *WaitSet) expose() { w.exposed.CompareAndSwap(nil, new(time.Now())) }

// gather tells the Readers whose bells rang and collects the bells of the others. It reports false when there are none; the
// row is then no longer in use.
func (r *row) gather() bool {
	w := r.waits
	w.mu.Lock()
	defer w.mu.Unlock()
	r.sleeper.Reset()
	poked := r.poked.Load()
	for k := 0; k < len(r.seats); {
		s := r.seats[k]
		if s.p.heard(s.i, s.j) {
			w.unseat(s.p, r)
			w.tell(s.p, nowhere)
			continue
		}
		r.sleeper.Append(&s.p.bells, s.i, s.j)
		k++
	}
	if len(r.seats) > 0 {
		r.sleeper.Add(&r.poked, poked) // first the bells, that others ring
		return true
	}
	w.rows = slices.DeleteFunc(w.rows, func(o *row) bool { return o == r })
	w.spare = append(w.spare, r)
	return false
}
