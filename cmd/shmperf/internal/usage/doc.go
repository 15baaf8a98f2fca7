// Package usage says what a process has used of the machine, so that the difference of two moments is the cost of what happened
// between them.
package usage
