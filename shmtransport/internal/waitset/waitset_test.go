//go:build linux

package waitset

import (
	"bytes"
	"math"
	"os"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/shmbus/shmbus/internal/clock"
	"github.com/shmbus/shmbus/internal/futex"
)

// An endpoint waits for bells that others ring.
type endpoint struct {
	*Waiter
	set   *Set
	bells []atomic.Uint32
	calls atomic.Uint32
}

func newEndpoint(s *Set, bells int) *endpoint {
	e := &endpoint{Waiter: NewWaiter(clock.New()), set: s, bells: make([]atomic.Uint32, bells)}
	e.Calls.Add(&e.calls, 0)
	for i := range e.bells {
		e.Bells.Add(&e.bells[i], 0)
	}
	return e
}

func (e *endpoint) ring(i int) {
	e.bells[i].Add(1)
	futex.Wake(&e.bells[i])
}

// next waits until a bell rings and returns its index. It returns -1 if WakeUp was called first.
func (e *endpoint) next(t *testing.T) int {
	e.KeepWarm()
	for {
		for i := range e.Bells.Changes() {
			return i
		}
		if e.wokenUp() {
			return -1
		}
		if err := e.set.Wait(e.Waiter); err != nil {
			t.Error(err)
			return -1
		}
	}
}

// groupCounts returns the number of waiters in groups and the number of groups.
func (w *Set) groupCounts() (waiters, groups int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	seen := map[*Waiter]bool{}
	for _, g := range w.groups {
		for _, r := range g.ranges {
			seen[r.p] = true
		}
	}
	return len(seen), len(w.groups)
}

func (w *Set) awaitGroups(done func(waiters, groups int) bool) {
	for !done(w.groupCounts()) {
		time.Sleep(time.Millisecond)
	}
}

// fillWarmSet leaves no room for warm waiters.
func fillWarmSet(w *Set) { w.warm.words = groupWords + 1 }

// useApart leaves warm waiters nothing but sleeping apart.
func useApart(w *Set) {
	fillWarmSet(w)
	w.groups = append(w.groups, &coldGroup{set: w, words: groupWords})
}

// useGroupsOnly leaves nothing but groups.
func useGroupsOnly(w *Set) {
	useApart(w)
	w.apart = maxApart
}

// threads returns the number of threads of this process.
func threads(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := bytes.Cut(status, []byte("\nThreads:\t"))
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	n, err := strconv.Atoi(string(line))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestSet_ManyIdleWaiters(t *testing.T) {
	const waiters, rounds = 300, 3
	set := new(Set)
	all := make([]*endpoint, waiters)
	before := threads(t)
	var wg sync.WaitGroup
	for i := range all {
		all[i] = newEndpoint(set, 1)
		wg.Go(func() {
			for all[i].bells[0].Load() < rounds {
				if got := all[i].next(t); got != 0 {
					t.Errorf("waiter %d: got bell %d", i, got)
				}
			}
		})
	}
	for range rounds {
		set.awaitGroups(func(n, groups int) bool { return n == waiters && groups == 3 })
		if more := threads(t) - before; more > 12 {
			t.Errorf("%d idle waiters take %d threads more", waiters, more)
		}
		for _, e := range all {
			e.ring(0)
		}
	}
	wg.Wait()
	set.awaitGroups(func(_, groups int) bool { return groups == 0 })
}

// A waiter may have more bells than one system call can wait for. Each of them wakes it.
func TestSet_WaiterInSeveralGroups(t *testing.T) {
	set := new(Set)
	e := newEndpoint(set, 2*groupWords+50)
	got := make(chan int)
	go func() {
		for i := 0; i >= 0; {
			i = e.next(t)
			got <- i
		}
	}()
	for _, i := range []int{0, groupWords, len(e.bells) - 1, 1} {
		set.awaitGroups(func(n, groups int) bool { return n == 1 && groups == 3 })
		e.ring(i)
		if n := <-got; n != i {
			t.Errorf("got bell %d, want %d", n, i)
		}
	}
	set.awaitGroups(func(n, _ int) bool { return n == 1 })
	e.calls.Add(1)
	e.WakeUp()
	if n := <-got; n != -1 {
		t.Errorf("got bell %d, want none", n)
	}
	set.awaitGroups(func(_, groups int) bool { return groups == 0 })
}

// A process with one processor keeps none: a few warm waiters sleep apart until they are cold, all others in groups.
func TestSet_OneProcessor(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	set := new(Set)
	var got []waitState
	set.mu.Lock()
	for range maxApart + 2 {
		e := newEndpoint(set, 1)
		e.warmUntil = math.MaxInt64
		set.enqueue(e.Waiter)
		got = append(got, e.state)
		defer set.dequeue(e.Waiter)
	}
	defer set.mu.Unlock()
	if want := slices.Concat([]waitState{sleepingAlone}, slices.Repeat([]waitState{sleepingApart}, maxApart), []waitState{inGroups}); !slices.Equal(got, want) {
		t.Errorf("states %v, want %v", got, want)
	}
}

func TestSet_SleepsApartUntilCold(t *testing.T) {
	set, e := new(Set), newEndpoint(new(Set), 1)
	set.mu.Lock()
	defer set.mu.Unlock()
	set.apart, e.state = 1, sleepingApart
	for e.KeepWarm(); e.clock.Now() < e.warmUntil; { // no bell rings
		if err := set.sleepApart(e.Waiter); err != nil || set.apart != 0 || e.state != notWaiting {
			t.Fatal(err, set.apart, e.state)
		}
		set.apart, e.state = 1, sleepingApart
	}
}

// Each ring waits for the answer to the one before, so each wait sleeps. A lost wake-up makes this test take as long as
// the longest sleep.
func TestSet_NoLostWakeUpsHammer(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(*Set)
		pairs   int
		bells   int
		turns   int
	}{
		"warm":           {func(*Set) {}, 1, 1, 20_000},
		"many warm":      {func(*Set) {}, 10, 1, 2000},
		"some warm":      {func(w *Set) { w.warm.words = groupWords - 4 }, 10, 1, 2000},
		"alone":          {fillWarmSet, 1, 1, 10_000},
		"apart":          {useApart, 1, 1, 10_000},
		"some apart":     {useApart, 10, 1, 1000},
		"groups":         {useGroupsOnly, 1, 1, 10_000},
		"many in groups": {useGroupsOnly, 10, 1, 1000},
		"many bells":     {func(*Set) {}, 1, futex.MaxWords + 2, 500},
	} {
		t.Run(name, func(t *testing.T) {
			set := new(Set)
			c.prepare(set)
			var players sync.WaitGroup
			for range c.pairs {
				left, right := newEndpoint(set, c.bells), newEndpoint(set, c.bells)
				play := func(e, other *endpoint, serve bool) {
					for k := range c.turns {
						i := k % c.bells
						if serve {
							other.ring(i)
						}
						if got := e.next(t); got != i {
							t.Errorf("got bell %d, want %d", got, i)
						}
						if !serve {
							other.ring(i)
						}
					}
				}
				players.Go(func() { play(left, right, true) })
				players.Go(func() { play(right, left, false) })
			}
			players.Wait()
		})
	}
}

func TestWaiter_WakeUp(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(*Set)
		waiters int
		bells   int
		state   waitState // of at least one; notWaiting = any other, because a warm one may become cold
	}{
		"leading":   {func(*Set) {}, 1, 1, notWaiting},
		"following": {func(*Set) {}, 4, 1, notWaiting},
		"alone":     {fillWarmSet, 1, 1, sleepingAlone},
		"apart":     {useApart, 4, 1, notWaiting},
		"in groups": {useGroupsOnly, 4, 1, inGroups},
		"partly":    {func(*Set) {}, 2, futex.MaxWords + 2, inGroups},
	} {
		t.Run(name, func(t *testing.T) {
			for range 20 {
				set := new(Set)
				c.prepare(set)
				var all []*endpoint
				var wg sync.WaitGroup
				for range c.waiters {
					e := newEndpoint(set, c.bells)
					all = append(all, e)
					wg.Go(func() {
						if got := e.next(t); got != -1 {
							t.Errorf("got bell %d, want none", got)
						}
					})
				}
				for !anyIn(set, all, c.state) {
					time.Sleep(100 * time.Microsecond)
				}
				for _, e := range all {
					e.calls.Add(1)
					e.WakeUp()
				}
				wg.Wait()
			}
		})
	}
}

func anyIn(w *Set, all []*endpoint, state waitState) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range all {
		if e.state == state && state != notWaiting || e.state != notWaiting && state == notWaiting {
			return true
		}
	}
	return false
}

// A warm wait costs processor time that is wasted if it ends later than the waiter is warm.
func TestWaiter_ColdAfterLongWaits(t *testing.T) {
	p := NewWaiter(clock.New())
	wait := func(d time.Duration) (warm bool) {
		p.Begin()
		warm = p.clock.Now() < p.warmUntil
		p.began -= int64(d) // as if d had passed
		p.warmUntil -= int64(d)
		p.End()
		return warm
	}
	for i := range maxLongWaits {
		if !wait(2 * WarmTime) {
			t.Fatalf("cold after %d long waits", i)
		}
	}
	if wait(2*WarmTime) || wait(0) {
		t.Error("warm after long waits")
	}
	if !wait(0) {
		t.Error("cold after a short wait")
	}
}

// A wait with a bound ends by itself, however it waits, and is woken up before.
func TestWaiter_Longest(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(*Set)
		bells   int
		state   waitState
	}{
		"without bells": {func(*Set) {}, 0, withoutBells},
		"alone":         {func(*Set) {}, 1, sleepingAlone},
		"in groups":     {useGroupsOnly, 1, inGroups},
		"many bells":    {func(*Set) {}, futex.MaxWords + 2, inGroups},
	} {
		t.Run(name, func(t *testing.T) {
			set := new(Set)
			c.prepare(set)
			e := newEndpoint(set, c.bells)
			e.KeepWarm() // no matter
			for range 3 {
				e.Longest = time.Millisecond
				if err := set.Wait(e.Waiter); err != nil || e.state != notWaiting {
					t.Fatal(err, e.state)
				}
			}
			e.Longest = time.Hour
			done := make(chan error)
			go func() { done <- set.Wait(e.Waiter) }()
			for !anyIn(set, []*endpoint{e}, c.state) {
				time.Sleep(100 * time.Microsecond)
			}
			e.calls.Add(1)
			e.WakeUp()
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		})
	}
}
