// Package pace is how a sender of a measurement waits: for its next turn, or for a word of the board.
package pace
