// Package screen is the live table of shmmon.
//
// The Model is a reducer: looks at the domain arrive as messages, with their own time in them, and View is a function of
// what arrived, so a test drives it without a terminal, a clock or a domain. At most one look is under way, the next is
// asked for one interval after the last has arrived, and nothing moves in between, so an idle table costs next to nothing.
package screen
