// Package command is the command line of shmrec: what it understands, prints and returns.
package command
