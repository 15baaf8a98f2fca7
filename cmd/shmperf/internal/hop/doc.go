// Package hop measures what receivers that wait cost the other goroutines of their process: how long a message over a channel takes
// from one goroutine to another, which has nothing to do with the bus.
package hop
