// Package self builds and runs shmperf, which measures shmbus.
package self
