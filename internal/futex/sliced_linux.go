package futex

import (
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/shmbus/shmbus/internal/sigbus"
)

// On kernels without futex_waitv (before Linux 5.16) a thread sleeps on one word. A Waiter then sleeps on its first word, in slices,
// and compares the others at the end of each. A slice is a part of the time for which nothing has happened, within these bounds: a
// word that changes often is noticed early, and an idle process wakes seldom.
const (
	minSlice = time.Millisecond
	maxSlice = 40 * time.Millisecond
	sliceOf  = 10 // of the time without a change

	// fewWords are so few that it is likely to be the first that changes. Else no thread waits for it.
	fewWords = 4
)

// waitSliced is wait without futex_waitv.
func (w *Waiter) waitSliced(timeout time.Duration, call syscall6) error {
	began := monotonic()
	for now := began; now-began < timeout; {
		if w.changed() {
			w.quiet = 0
			return nil
		}
		slice, before := min(w.slice(now), timeout-(now-began)), now
		errno := unix.ETIMEDOUT
		if w.n > fewWords && slice > maxSlice/sliceOf {
			time.Sleep(slice) // one thread does it for all
		} else {
			errno = w.waitFirst(slice, call)
		}
		now = monotonic()
		switch errno {
		case unix.ETIMEDOUT, unix.EINTR: // EINTR: the runtime signals threads now and then
			w.quiet = min(w.quiet+now-before, maxSlice*sliceOf)
		case 0, unix.EAGAIN, unix.EFAULT: // EFAULT: the word was unmapped
			w.quiet = 0
			return nil
		default:
			return failed(1, errno)
		}
	}
	return nil
}

// slice is how long to sleep at a time. The longest slices of all Waiters of a process end together: it then wakes once, not
// once for each of them.
func (w *Waiter) slice(now time.Duration) time.Duration {
	if s := w.quiet / sliceOf; s < maxSlice {
		return max(s, minSlice)
	}
	phase := time.Duration(os.Getpid()) * time.Millisecond // other processes wake at other times
	return maxSlice - (now+phase)%maxSlice
}

func monotonic() time.Duration {
	var now unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &now) // does not fail with this clock
	return time.Duration(now.Nano())
}

// changed compares all words. One that cannot be read any more, because it was unmapped or its file was cut short, has changed.
func (w *Waiter) changed() (yes bool) {
	defer func(before sigbus.Mode) {
		before.Restore()
		if e := recover(); e != nil {
			for _, word := range w.words[:w.n] {
				yes = yes || sigbus.At(e, word)
			}
			if !yes {
				panic(e)
			}
		}
	}(sigbus.Guard())
	for i, word := range w.words[:w.n] {
		if word.Load() != uint32(w.v[i].val) {
			return true
		}
	}
	return false
}
