package main

import (
	"encoding/binary"
	"fmt"
	"time"
)

const (
	data  = "bench.data"  // measured messages
	ready = "bench.ready" // the subscriber is connected
	acks  = "bench.acks"  // number of messages it has received

	headSize = 16      // bytes of a payload that hold a stamp and a number
	last     = 1 << 63 // of a number: no message follows
	warm     = 200     // messages that do not count
	window   = 8192    // messages that the publisher may be ahead: NATS itself drops what a subscriber is too slow for
	ackStep  = window / 4
)

// now is the wall clock, which both processes read. A change of the clock within the measured second would falsify the result.
func now() int64 { return time.Now().UnixNano() }

func setHead(b []byte, stamp int64, number uint64) {
	binary.LittleEndian.PutUint64(b, uint64(stamp))
	binary.LittleEndian.PutUint64(b[8:], number)
}

func head(b []byte) (stamp int64, number uint64, err error) {
	if len(b) < headSize {
		return 0, 0, fmt.Errorf("a message has %d bytes", len(b))
	}
	return int64(binary.LittleEndian.Uint64(b)), binary.LittleEndian.Uint64(b[8:]), nil
}
