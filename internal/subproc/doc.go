// Package subproc runs the child processes of a program. A child is the same program started again with a role. The parent sends a
// request and later messages as lines of JSON on the child's standard input, and the child replies with lines of JSON. No child
// outlives its parent.
package subproc
