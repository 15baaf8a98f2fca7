//go:build linux

package futex

import (
	"sync/atomic"
	"testing"
	"time"
)

// long is a time that no passing test waits for.
const long = time.Minute

func TestAChangedWordEndsTheWaitAtOnce(t *testing.T) {
	for _, without := range []bool{false, true} {
		var word atomic.Uint32
		word.Store(1)
		w := &Waiter{without: without}
		w.Add(&word, 0)
		if err := w.Wait(long); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAWakeOnAnyWordEndsTheWait(t *testing.T) {
	for _, changed := range []int{0, 1, MaxWords - 1} {
		words := make([]atomic.Uint32, MaxWords)
		done := make(chan error)
		go func() {
			w := new(Waiter)
			for i := range words {
				w.Add(&words[i], 0)
			}
			var err error
			for words[changed].Load() == 0 && err == nil {
				err = w.Wait(long)
			}
			done <- err
		}()
		time.Sleep(time.Millisecond)
		words[changed].Store(1)
		Wake(&words[changed])
		if err := <-done; err != nil {
			t.Fatalf("word %d: %v", changed, err)
		}
	}
}

func TestWithoutWaitvEveryWordIsStillNoticed(t *testing.T) {
	var first, second atomic.Uint32
	done := make(chan error)
	go func() {
		w := &Waiter{without: true}
		w.Add(&first, 0)
		w.Add(&second, 0)
		var err error
		for second.Load() == 0 && err == nil {
			err = w.WaitHolding(time.Millisecond)
		}
		done <- err
	}()
	second.Store(1)
	Wake(&second)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestTheWaitEndsWhenItsTimeIsUp(t *testing.T) {
	var word atomic.Uint32
	w := new(Waiter)
	w.Add(&word, 0)
	for range 3 {
		if err := w.Wait(time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAFullWaiterSaysSo(t *testing.T) {
	w := new(Waiter)
	words := make([]atomic.Uint32, MaxWords+1)
	for i := range words {
		if got, want := w.Add(&words[i], 0), i < MaxWords; got != want {
			t.Fatalf("word %d: added %v", i, got)
		}
	}
	w.Reset()
	if !w.Add(&words[0], 0) {
		t.Fatal("still full after Reset")
	}
}

func TestSleepingAllocatesNothing(t *testing.T) {
	var word atomic.Uint32
	w := new(Waiter)
	if n := testing.AllocsPerRun(100, func() {
		w.Reset()
		w.Add(&word, 1)
		w.Wait(time.Millisecond)
		Wake(&word)
	}); n != 0 {
		t.Fatalf("%v allocations", n)
	}
}

func TestWithoutWaitv_SlicesGrowWhileNothingHappens(t *testing.T) {
	w := &Waiter{without: true}
	if s := w.slice(0); s != minSlice {
		t.Errorf("at first it sleeps for %v", s)
	}
	for quiet := time.Duration(0); quiet < 2*maxSlice*sliceOf; quiet += time.Millisecond {
		w.quiet = quiet
		if s := w.slice(12345 * time.Microsecond); s <= 0 || s > maxSlice || quiet < maxSlice*sliceOf && s > max(quiet/sliceOf, minSlice) {
			t.Fatalf("after %v without a change it sleeps for %v", quiet, s)
		}
	}
	// All Waiters of the process wake at the same time.
	const now = 98765432 * time.Microsecond
	end := now + w.slice(now)
	if later := now + 5*time.Millisecond; later < end && later+w.slice(later) != end {
		t.Error("two that sleep do not wake together")
	}
	var word atomic.Uint32
	w.Add(&word, 1)
	if err := w.Wait(long); err != nil || w.quiet != 0 {
		t.Errorf("after a change it was quiet for %v, %v", w.quiet, err)
	}
}

func TestWithoutWaitv_ManyWordsWithoutAThread(t *testing.T) {
	words := make([]atomic.Uint32, fewWords+2)
	w := &Waiter{without: true, quiet: maxSlice * sliceOf}
	for i := range words {
		w.Add(&words[i], 0)
	}
	go words[fewWords].Store(1)
	if err := w.Wait(long); err != nil || !w.changed() {
		t.Errorf("the change was not noticed: %v", err)
	}
}
