// Package failpoint marks the steps of the protocols in docs/protocol.md in the code that takes them, so that tests can end or stop
// a process after each. A program has points only if it is built with the tag shmbus_failpoints; in any other At is
// empty, and nothing is left of its calls, not even the names.
package failpoint
