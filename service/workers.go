package service

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/shmbus/shmbus/internal/mem"
)

// workers are the goroutines of a server. One of them has the role of the receiver: it takes a request and runs the handler itself, so
// that a short call needs no other goroutine. If the handler takes long, another goroutine becomes the receiver: at once when handlers
// took long lately, else when the watch finds it, within two of its intervals. At the limit no goroutine receives until a handler returns.
type workers struct {
	limit   int
	receive func(*worker) bool // takes and handles one request; false when the server closes
	begun   *atomic.Uint64     // handlers; written by the goroutine with the role

	receiver atomic.Pointer[worker]
	watching atomic.Bool  // the watch runs
	slow     atomic.Bool  // handlers took long lately
	short    atomic.Int32 // measured short calls in a row

	group   sync.WaitGroup
	mu      sync.Mutex
	running int             // handlers without the receiver's
	vacant  bool            // no goroutine has the role, because running is at the limit
	places  []chan struct{} // of handlers that wait until running is below the limit, in their order
	stopped bool

	overfull atomic.Bool // running is at the limit and a goroutine has the role: it must not begin a handler
}

// watchInterval is how often the watch looks at the receiver. It runs only while a server is in use.
const watchInterval = time.Millisecond

// watchIdle is the number of intervals without a call after which the watch ends.
const watchIdle = 500

// longHandler is the time from which handing the role over, which costs some µs, is cheap in comparison to the handler.
const longHandler = 50 * time.Microsecond

// measureEvery is the number of calls of which one is measured while handlers are short: reading the clock twice takes a tenth of the
// shortest call.
const measureEvery = 16

// A worker is one goroutine.
type worker struct {
	of    *workers
	state atomic.Uint64 // number of the call and what the goroutine does with it
	calls uint64
	began time.Time // zero if the call is not measured
	spare any       // a call to be used again, or nil
}

// What a worker does, in the lowest bits of its state.
const (
	receiving uint64 = iota // it has the role
	handling                // it has the role and runs a handler
	detached                // it runs a handler without the role
	stateBits = 2
)

func (ws *workers) start(limit int, begun *atomic.Uint64, receive func(*worker) bool) {
	ws.limit, ws.begun, ws.receive = limit, begun, receive
	ws.mu.Lock()
	defer ws.mu.Unlock()
	ws.spawn()
}

// stop returns when all handlers have returned. Afterwards no goroutine receives. receive must return false by then.
func (ws *workers) stop() {
	ws.mu.Lock()
	ws.stopped = true
	ws.mu.Unlock()
	ws.group.Wait()
}

// spawn starts a goroutine with the role. Called with mu held.
func (ws *workers) spawn() {
	ws.vacant = false
	if ws.stopped {
		return
	}
	w := &worker{of: ws}
	ws.receiver.Store(w)
	ws.group.Go(w.loop)
}

func (w *worker) loop() {
	for w.of.receive(w) {
		if w.state.Load()&(1<<stateBits-1) == detached && !w.rejoin() {
			return
		}
	}
	if w.state.Load()&(1<<stateBits-1) == detached {
		w.of.mu.Lock()
		w.of.running--
		w.of.give()
		w.of.mu.Unlock()
	}
}

// give gives free places to the handlers that wait for one. It follows every change of running and vacant. Called with mu held.
func (ws *workers) give() {
	for ws.running < ws.limit && len(ws.places) > 0 {
		ws.running++
		close(ws.places[0])
		ws.places = ws.places[1:]
	}
	ws.overfull.Store(ws.running >= ws.limit && !ws.vacant)
}

// awaitPlace waits until give has counted a handler. Called with mu held, which it unlocks.
func (ws *workers) awaitPlace() {
	place := make(chan struct{})
	ws.places = append(ws.places, place)
	ws.give()
	ws.mu.Unlock()
	<-place
}

// rejoin ends a detached handler. It reports whether the goroutine has the role now.
func (w *worker) rejoin() bool {
	ws := w.of
	ws.mu.Lock()
	defer ws.mu.Unlock()
	ws.running--
	ws.give()
	if !ws.vacant || ws.stopped || ws.running >= ws.limit {
		return false
	}
	ws.vacant = false
	w.state.Store(w.stateOf(receiving))
	ws.receiver.Store(w)
	return true
}

// stateOf returns the state of doing something in the present call.
func (w *worker) stateOf(what uint64) uint64 { return w.calls<<stateBits | what }

// begin precedes a handler. The goroutine has the role until it stores its state.
func (w *worker) begin() {
	w.calls++
	mem.Add64(w.of.begun, 1)
	slow := w.of.slow.Load()
	if w.of.limit != 1 {
		w.state.Store(w.stateOf(handling)) // and a full fence, for resume
		if w.of.overfull.Load() {
			w.enter()
		}
		if slow {
			w.detach(w.calls)
		} else if !w.of.watching.Load() {
			w.of.startWatch()
		}
	}
	w.began = time.Time{}
	if slow || w.calls%measureEvery == 1 {
		w.began = time.Now()
	}
}

// enter waits for a place where a handler that has waited for its client has taken the receiver's. Meanwhile no goroutine has the role.
func (w *worker) enter() {
	ws := w.of
	ws.mu.Lock()
	switch {
	case w.state.Load() == w.stateOf(detached): // by resume, and counted
		if ws.running <= ws.limit {
			ws.mu.Unlock()
			return
		}
		ws.running--
	case ws.running < ws.limit:
		ws.mu.Unlock()
		return
	default:
		w.state.Store(w.stateOf(detached))
		ws.vacant = true
	}
	ws.awaitPlace()
}

// measure follows a handler. It returns the handler's time if it was measured.
func (w *worker) measure() (took time.Duration, measured bool) {
	if w.began.IsZero() {
		return 0, false
	}
	took = time.Since(w.began)
	if took >= longHandler {
		w.of.short.Store(0)
		w.of.slow.Store(true)
	} else if w.of.short.Add(1) >= measureEvery {
		w.of.short.Store(0)
		w.of.slow.Store(false)
	}
	return took, true
}

// end follows the response: until then a client waits for every step.
func (w *worker) end() {
	if w.of.limit != 1 {
		w.state.CompareAndSwap(w.stateOf(handling), w.stateOf(receiving))
	}
}

// detach takes the role from a worker that runs the handler of its given call, and gives it to another goroutine unless the limit is
// reached.
func (w *worker) detach(call uint64) {
	w.of.mu.Lock()
	defer w.of.mu.Unlock()
	w.detachLocked(call)
}

func (w *worker) detachLocked(call uint64) {
	ws := w.of
	if !w.state.CompareAndSwap(call<<stateBits|handling, call<<stateBits|detached) {
		return
	}
	ws.running++
	if ws.running < ws.limit {
		ws.spawn()
	} else {
		ws.vacant = true
	}
	ws.give()
}

// outside runs f, in which a handler waits for its client, without counting the handler. Then it waits for a place.
func (w *worker) outside(f func()) {
	ws := w.of
	if ws.limit == 1 {
		f()
		return
	}
	w.detach(w.calls)
	ws.mu.Lock()
	ws.running--
	ws.give()
	if ws.vacant && ws.running < ws.limit {
		ws.spawn()
	}
	ws.mu.Unlock()
	defer ws.resume()
	f()
}

// resume counts a handler again. If the receiver has the last place and runs a handler, it loses the role, so that this handler counts
// too. Overfull is stored before the receiver's state is loaded, and begin stores that before it loads overfull: one sees the other.
func (ws *workers) resume() {
	ws.mu.Lock()
	ws.running++
	ws.overfull.Store(ws.running >= ws.limit && !ws.vacant)
	if ws.running == ws.limit && !ws.vacant {
		r := ws.receiver.Load()
		if state := r.state.Load(); state&(1<<stateBits-1) == handling {
			r.detachLocked(state >> stateBits)
		}
	}
	if ws.running > ws.limit {
		ws.running--
		ws.awaitPlace()
		return
	}
	ws.mu.Unlock()
}

// startWatch starts the watch unless it runs.
func (ws *workers) startWatch() {
	if ws.watching.CompareAndSwap(false, true) {
		ws.mu.Lock()
		if !ws.stopped {
			ws.group.Go(ws.watch)
		}
		ws.mu.Unlock()
	}
}

// watch takes the role from a receiver whose handler runs for more than an interval.
func (ws *workers) watch() {
	tick := time.NewTicker(watchInterval)
	defer tick.Stop()
	var last *worker
	var seen uint64
	for idle := 0; idle < watchIdle; {
		<-tick.C
		w := ws.receiver.Load()
		state := w.state.Load()
		same := w == last && state == seen
		last, seen = w, state
		switch {
		case !same:
			idle = 0
			continue
		case state&(1<<stateBits-1) == handling:
			ws.slow.Store(true)
			w.detach(state >> stateBits)
			idle = 0
			continue
		}
		idle++
		ws.mu.Lock()
		stopped := ws.stopped
		ws.mu.Unlock()
		if stopped {
			return
		}
	}
	ws.watching.Store(false)
	if w := ws.receiver.Load(); w.state.Load()&(1<<stateBits-1) == handling {
		ws.startWatch() // a handler began before watching was false
	}
}
