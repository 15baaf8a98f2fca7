// Package board is a page of words that the processes of one measurement share beside the bus: how they tell each other where
// a measurement begins and ends and that a message arrived, without sending anything over what is measured.
package board
