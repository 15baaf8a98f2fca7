// Package futex is the door to waiting: sleeping until a 32-bit word in memory changes, and waking those who sleep.
//
// A Waiter sleeps on many words at once, in this process's memory and in other processes' read-only mappings alike; the
// kernel compares every word with the value the caller saw before it sleeps, so a change in between is never missed.
// A word that is unmapped meanwhile counts as changed. Every return may be spurious: the caller looks at its condition again.
package futex
