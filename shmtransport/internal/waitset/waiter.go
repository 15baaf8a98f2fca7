package waitset

import (
	"runtime"
	"sync/atomic"
	"time"

	"github.com/shmbus/shmbus/internal/clock"
	"github.com/shmbus/shmbus/internal/futex"
	"github.com/shmbus/shmbus/internal/process"
	"github.com/shmbus/shmbus/internal/sigbus"
)

// WarmTime is the time that a waiter stays warm.
const WarmTime = 10 * time.Millisecond

// A Waiter is what one goroutine waits for. Bells and Calls belong to that goroutine; it changes them between waits.
type Waiter struct {
	Bells futex.Words // words that other processes change and wake
	Calls futex.Words // words of this process that change before a call of WakeUp

	Longest time.Duration // bound of a wait, which is cold; 0 = none

	clock     clock.Clock
	warmUntil int64         // on clock
	began     int64         // of Begin, on clock
	longWaits int           // waits in a row, between Begin and End, that were longer than WarmTime
	ready     chan struct{} // holds one token
	timer     *time.Timer   // of Longest; made when needed
	recheck   atomic.Uint32 // changes when a sleeper must check again

	state      waitState     // guarded by mu of Set
	groups     []*coldGroup  // its groups; guarded by mu of Set
	scheduled  int64         // when the scheduler of the runtime saw the goroutine last, on clock
	ownSleeper *futex.Waiter // of a warm waiter that sleeps for itself; made when needed
}

// A waitState is how a waiter waits.
type waitState int

const (
	notWaiting     waitState = iota
	leading                  // in the warm set, asleep for all
	following                // in the warm set
	sleepingApart            // warm, asleep for itself, where the process has no processor to keep
	sleepingPartly           // warm, with more bells than one system call takes: sleeps on some, and checks all at intervals
	sleepingAlone            // cold, asleep for itself
	inGroups                 // cold, in groups
	withoutBells             // only until it is woken up, or for Longest
)

// NewWaiter returns a Waiter that measures time with c.
func NewWaiter(c clock.Clock) *Waiter { return &Waiter{clock: c, ready: make(chan struct{}, 1)} }

// maxLongWaits is the number of waits in a row, each longer than WarmTime, after which a waiter is cold from the beginning. A warm
// wait costs processor time that such waits do not repay: they are cold when they end.
const maxLongWaits = 2

// Begin begins a wait for a sample: p is warm for WarmTime, unless such waits have been long. It is called between waits.
func (p *Waiter) Begin() {
	p.began = p.clock.Now()
	if p.longWaits < maxLongWaits {
		p.warmUntil = p.began + int64(WarmTime)
	}
}

// End ends what Begin began.
func (p *Waiter) End() {
	if p.clock.Now()-p.began < int64(WarmTime) {
		p.longWaits = 0
	} else {
		p.longWaits++
	}
}

// KeepWarm makes p warm for WarmTime from now on. It is called between waits.
func (p *Waiter) KeepWarm() { p.warmUntil = p.clock.Now() + int64(WarmTime) }

// maxUnscheduled is how long a waiter's goroutine does not go through the scheduler of the runtime, on one processor. After 10 ms the monitor of
// the runtime takes the processor from a goroutine each time it finds it in a system call, however short these are.
const maxUnscheduled = 5 * time.Millisecond

// reschedule lets the goroutine of p go through the scheduler if that is due.
func (p *Waiter) reschedule() {
	if !process.OneProcessor() {
		return
	}
	if now := p.clock.Now(); now-p.scheduled > int64(maxUnscheduled) {
		p.scheduled = now
		runtime.Gosched()
	}
}

// WakeUp ends the wait, if there is one. One of Calls must have changed before. It may be called from any goroutine.
func (p *Waiter) WakeUp() {
	p.recheck.Add(1)
	futex.Wake(&p.recheck)
	p.putToken()
}

// putToken puts the token that ends a wait on the channel.
func (p *Waiter) putToken() {
	select {
	case p.ready <- struct{}{}:
	default:
	}
}

// awaitToken waits for a token, or for the time Longest.
func (p *Waiter) awaitToken() {
	if p.Longest == 0 {
		<-p.ready
		return
	}
	if p.timer == nil {
		p.timer = time.NewTimer(p.Longest)
	} else {
		p.timer.Reset(p.Longest)
	}
	defer p.timer.Stop()
	select {
	case <-p.ready:
	case <-p.timer.C:
	}
}

// wokenUp reports whether one of Calls changed, as it does before each WakeUp.
func (p *Waiter) wokenUp() bool { return p.Calls.Changed(0, p.Calls.Len()) }

func (p *Waiter) anyBellChanged() bool { return p.bellChanged(0, p.Bells.Len()) }

// bellChanged reports whether one of the bells from the i-th to before the j-th rang. A bell whose memory faults counts
// as rung, because its waiter has to check it.
func (p *Waiter) bellChanged(i, j int) (rang bool) {
	defer func(before sigbus.Mode) {
		before.Restore()
		if e := recover(); e != nil {
			if !p.Bells.In(i, j, e) {
				panic(e)
			}
			rang = true
		}
	}(sigbus.Guard())
	return p.Bells.Changed(i, j)
}
