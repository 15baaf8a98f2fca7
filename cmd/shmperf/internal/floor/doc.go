// Package floor measures what the machine does without a bus, between two processes that are otherwise like those of package
// pair: nothing that goes through shared memory can be faster.
package floor
