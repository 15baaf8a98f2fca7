// Package process is the door to what the kernel knows about processes: who this one is, and the moment another one ends.
package process
