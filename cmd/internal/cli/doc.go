// Package cli is the frame of every command line of this module: how a program starts and ends, which flags all commands have,
// and in what form they print.
//
// The result goes to standard output and nothing else does; everything else goes to standard error, escaped. Whoever reads
// the result may leave before its end: then the program ends early and quietly.
package cli
