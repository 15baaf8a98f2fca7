// Package harness runs tests of several real processes. A child is the test binary, started again in a role that the type of its
// request names. A child that serves calls executes typed requests one after the other: a call is a struct, which the parent sends and
// the child runs, and has a typed result. Domains are made below /dev/shm, or on file systems of their own, and must be empty at the end.
package harness

import "fmt"

// Fill writes a payload whose every byte depends on the number.
func Fill(b []byte, seq uint64) {
	for i := range b {
		b[i] = byte(seq>>(8*(i%8))) ^ byte(i/8)
	}
}

// Check reports whether b is what Fill writes.
func Check(b []byte, seq uint64) error {
	for i, c := range b {
		if c != byte(seq>>(8*(i%8)))^byte(i/8) {
			return fmt.Errorf("sample %d: byte %d of %d is wrong", seq, i, len(b))
		}
	}
	return nil
}

// GrowingSize is the size of sample seq of payloads that outgrow their slots: from 64 bytes to 128 KiB, twice as large every 500 samples.
func GrowingSize(seq uint64) int {
	step := seq / 500
	return int((seq*7919)%64) + 64<<min(step, 11)
}
