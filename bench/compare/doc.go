// Compare runs shmbus and others side by side, on the same work and in turns, and prints a table of medians and ratios.
//
//	go run ./compare
//
// README.md says what is needed, what each figure is, and what is fair about it.
package main
