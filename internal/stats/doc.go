// Package stats lays out the figures that publishers and subscriptions keep for others to read.
//
// A block is Size bytes in its owner's participant file, written by that process alone. Every figure is one aligned
// 64-bit word (the histogram's are 32-bit), so a reader sees each one whole, though not all of the same instant. Nothing in
// the protocol depends on them.
//
// The block of a publisher:
//
//	offset  size  constant     holds
//	0       8     offMessages  messages published
//	8       8     offBytes     payload bytes of them
//	16      8     offLast      stamp of the newest, ns
//	24      8     offLastSize  size of the newest, bytes
//	32      8     offMaxSize   size of the largest, bytes
//	40      8     offFailed    publishes that returned an error
//	48      8     offWaited    publishes that had to wait for a lossless subscription
//	56      8     offPeers     subscriptions connected
//	64      8     offMemory    memory of all slots, bytes
//	72      8     offLoans     slots on loan to the application
//
// The block of a subscription:
//
//	offset  size  constant     holds
//	0       8     offMessages  messages received
//	8       8     offBytes     payload bytes of them
//	16      8     offLast      stamp of the newest, ns
//	24      8     offLastSize  size of the newest, bytes
//	32      8     offMaxSize   size of the largest, bytes
//	40      8     offLost      messages lost
//	48      8     offDecode    messages received that could not be decoded
//	56      8     offPeers     publishers linked
//	64      8     offHeld      samples not released
//	72      8     offLag       messages in the rings of the publishers that were published and not yet taken
//	80      8     offDropped   messages, lost ones, of publishers that ended, given up for want of room
//	88      8     offStale     messages not delivered because of their age
//	96      8     offFiltered  messages not delivered because they came too soon after another
//	128     512   offLatency   latency histogram, 128 words of 32 bits
//
// Stamps are nanoseconds of CLOCK_MONOTONIC, zero before the first message.
package stats
