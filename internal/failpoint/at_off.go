//go:build !shmbus_failpoints

// Package failpoint marks the steps of docs/protocol.md in the code, so that tests can end or stop a process after each step. A program
// has failpoints only if it is built with the tag shmbus_failpoints. In every other program At is empty, and neither its calls nor the
// names of the steps remain.
package failpoint

// At is where a step, named as in docs/protocol.md, is done and the next is not begun.
func At(step string) {}
