// Package futex waits until a 32-bit word in memory changes, and wakes waiters. It is the only package that makes futex calls.
//
// A Waiter sleeps on many words at once, in this process's memory and in read-only mappings of other processes. The kernel compares
// every word with the value that the caller saw before it sleeps, so no change in between is missed. A word that is unmapped during the
// sleep counts as changed. Every return may be spurious: the caller checks its condition again.
package futex

import (
	"iter"
	"slices"
	"sync/atomic"

	"github.com/shmbus/shmbus/internal/sigbus"
)

// Words are words with the values they had, for others to wait for. The zero value has none.
type Words struct {
	words  []*atomic.Uint32
	values []uint32
}

// Reset forgets all words.
func (w *Words) Reset() {
	clear(w.words)
	w.words, w.values = w.words[:0], w.values[:0]
}

// Add adds a word.
func (w *Words) Add(word *atomic.Uint32, val uint32) {
	w.words, w.values = append(w.words, word), append(w.values, val)
}

// Len returns the number of words.
func (w *Words) Len() int { return len(w.words) }

// In reports whether what recover returned is a fault at one of the words from the i-th to before the j-th.
func (w *Words) In(i, j int, recovered any) bool {
	return slices.ContainsFunc(w.words[i:j], func(word *atomic.Uint32) bool { return sigbus.At(recovered, word) })
}

// Changed reports whether one of the words from the i-th to before the j-th no longer has its value.
func (w *Words) Changed(i, j int) bool {
	values := w.values[i:j]
	for k, word := range w.words[i:j] {
		if word.Load() != values[k] {
			return true
		}
	}
	return false
}

// Changes yields the index of each word that no longer has its value, and takes its new one for that before.
func (w *Words) Changes() iter.Seq[int] {
	return func(yield func(int) bool) {
		for i, word := range w.words {
			if v := word.Load(); v != w.values[i] {
				w.values[i] = v
				if !yield(i) {
					return
				}
			}
		}
	}
}
