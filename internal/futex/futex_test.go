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
