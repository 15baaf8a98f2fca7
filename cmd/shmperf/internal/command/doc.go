// Package command is the command line of shmperf.
package command
