// Package proc runs programs so that nothing of them is left: each in a process group of its own, which ends when its time is up, when
// the comparison is interrupted, and when the process that started it dies.
package proc
