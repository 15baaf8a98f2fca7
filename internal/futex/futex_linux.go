package futex

import (
	"fmt"
	"math"
	"runtime"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/shmbus/shmbus/internal/clock"
)

// The kernel's names; x/sys has the call numbers but not these.
const (
	futexWait     = 0
	futexWake     = 1
	futex2SizeU32 = 0x02
)

// MaxWords is how many words one Waiter can sleep on: the kernel's FUTEX_WAITV_MAX.
const MaxWords = 128

// HasWaitv reports whether a Waiter sleeps on all of its words (futex_waitv, since Linux 5.16). A seccomp filter may refuse that. Otherwise
// the first word ends the sleep at once, and the others do so a little later.
func HasWaitv() bool {
	_, _, errno := unix.RawSyscall6(unix.SYS_FUTEX_WAITV, 0, 0, 0, 0, 0, 0) // no words: invalid, where the call exists
	return errno == unix.EINVAL
}

type waitv struct {
	val   uint64
	uaddr uint64
	flags uint32
	_     uint32
}

// timespec64 is the kernel's struct __kernel_timespec, 64-bit on every architecture.
type timespec64 struct{ sec, nsec int64 }

// A Waiter collects words and sleeps until one of them changes or is woken. It is for one goroutine at a time; the zero
// value is ready to use.
type Waiter struct {
	n       int
	without bool          // the kernel refused futex_waitv
	quiet   time.Duration // for how long it slept without a change then
	words   [MaxWords]*atomic.Uint32
	v       [MaxWords]waitv
}

// Reset forgets all words.
func (w *Waiter) Reset() {
	clear(w.words[:w.n])
	w.n = 0
}

// Add makes the next Wait return at once if the word no longer holds val, and wakes it when the word is woken.
// It reports false, and adds nothing, when MaxWords words are there already.
func (w *Waiter) Add(word *atomic.Uint32, val uint32) bool {
	if w.n == MaxWords {
		return false
	}
	w.words[w.n] = word
	w.v[w.n] = waitv{val: uint64(val), uaddr: uint64(uintptr(unsafe.Pointer(word))), flags: futex2SizeU32}
	w.n++
	return true
}

// Append adds the words of list from the i-th to before the j-th, which must hold still meanwhile. It reports false, and adds
// nothing, when they do not fit.
func (w *Waiter) Append(list *Words, i, j int) bool {
	if w.n+j-i > MaxWords {
		return false
	}
	for k := i; k < j; k++ {
		w.Add(list.words[k], list.values[k])
	}
	return true
}

// Wait sleeps until a word changes, is woken, or timeout passes; it may return early for no reason. The goroutine gives
// its processor back to the scheduler while it sleeps.
func (w *Waiter) Wait(timeout time.Duration) error { return w.wait(timeout, unix.Syscall6) }

// WaitHolding is Wait that keeps the goroutine's processor, which makes the return about twice as fast and stops
// everything else that would run on that processor. Preconditions: timeout is a few milliseconds at most, and at least
// one processor of this process is left to others.
func (w *Waiter) WaitHolding(timeout time.Duration) error { return w.wait(timeout, unix.RawSyscall6) }

type syscall6 func(trap, a1, a2, a3, a4, a5, a6 uintptr) (r1, r2 uintptr, err unix.Errno)

func (w *Waiter) wait(timeout time.Duration, call syscall6) error {
	if timeout <= 0 || w.n == 0 {
		return nil
	}
	if w.without {
		return w.waitSliced(timeout, call)
	}
	at := clock.Monotonic() + int64(min(timeout, math.MaxInt64/4))
	until := timespec64{sec: at / 1e9, nsec: at % 1e9}
	_, _, errno := call(unix.SYS_FUTEX_WAITV, uintptr(unsafe.Pointer(&w.v[0])), uintptr(w.n), 0,
		uintptr(unsafe.Pointer(&until)), unix.CLOCK_MONOTONIC, 0)
	runtime.KeepAlive(w)
	switch errno {
	case 0, unix.EAGAIN, unix.EINTR, unix.ETIMEDOUT, unix.EFAULT: // EFAULT: the word was unmapped
		return nil
	case unix.ENOSYS, unix.EPERM: // EPERM: a seccomp filter older than the call
		w.without = true
		return w.waitSliced(timeout, call)
	}
	return failed(w.n, errno)
}

func failed(words int, errno unix.Errno) error {
	return fmt.Errorf("wait for %d words: %w", words, errno)
}

func (w *Waiter) waitFirst(timeout time.Duration, call syscall6) unix.Errno {
	ts := unix.NsecToTimespec(int64(timeout))
	_, _, errno := call(unix.SYS_FUTEX, uintptr(unsafe.Pointer(w.words[0])), futexWait, uintptr(uint32(w.v[0].val)),
		uintptr(unsafe.Pointer(&ts)), 0, 0)
	runtime.KeepAlive(w)
	return errno
}

// Wake wakes all sleepers on the word, in any process. The word may be in a read-only mapping. It never blocks.
func Wake(word *atomic.Uint32) {
	// The only errors are those of a bad address, and word is a live pointer.
	_, _, _ = unix.RawSyscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), futexWake, math.MaxInt32, 0, 0, 0)
}
