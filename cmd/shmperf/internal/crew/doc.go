// Package crew runs the other processes of a measurement: the same program again, each with a role. A process gets its order and
// what it is told later as lines of JSON on its standard input, and answers with lines of JSON. Nobody outlives the process
// that started it.
package crew
