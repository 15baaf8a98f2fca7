// Package counters lays out the figures that publishers and subscriptions keep for others to read.
//
// A block is Size bytes in its owner's participant file, written by that process alone. Every figure is one aligned
// 64-bit word (the histogram's are 32-bit), so a reader sees each one whole, though not all of the same instant. Nothing in
// the protocol depends on them.
//
//	offset  size  publisher                      subscription
//	0       8     messages published             messages received
//	8       8     payload bytes                  payload bytes
//	16      8     stamp of the newest, ns        stamp of the newest, ns
//	24      8     size of the newest, bytes      size of the newest, bytes
//	32      8     largest size, bytes            largest size, bytes
//	40      8     publishes that failed          messages lost
//	48      8     publishes that had to wait     decode errors
//	56      8     subscriptions reached          publishers connected
//	64      8     memory reserved, bytes         samples held
//	72      8     -                              lag behind the publishers, messages
//	80      48    -                              -
//	128     512   -                              latency histogram, 128 words of 32 bits
//
// Stamps are nanoseconds of CLOCK_MONOTONIC, zero before the first message.
package counters
