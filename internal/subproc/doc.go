// Package subproc runs the processes of a program that is several: the same program started again, each time with a role. A process gets
// its order and what it is told later as lines of JSON on its standard input, and answers with lines of JSON. Nobody outlives the
// process that started it.
package subproc
