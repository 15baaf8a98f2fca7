// Package place decides on which processors two processes run. Where a receiver sleeps, its delay depends more on that than on anything
// else: waking it on the processor that wakes costs a few microseconds, waking another processor that sleeps can cost ten times that, and
// which of the two happens is decided by chance when the processes start, and then stays.
package place
