// Package stage is where a measurement takes place: a directory in shared memory with a domain of its own and a board, and the
// processes that work there. Everything is gone when the measurement is over, however it ends, unless its process is killed.
package stage
