// Package command is the command line of shmmon: the live table and the one-shot commands, as functions of a context,
// arguments and output streams.
//
// Results go to standard output and nothing else does; every text that other processes chose is escaped on its way.
package command
