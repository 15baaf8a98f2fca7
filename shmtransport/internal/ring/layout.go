package ring

// Ring entry, two cache lines. It holds a small sample, or only the word of a larger one. The word is written last, and other
// writes to its cache line come just before it, because waiting readers load that line. A payload of up to 40 bytes
// is in the same line.
//
//	offset  size      constant    holds
//	0       8         OffWord     word: sequence and place of the sample
//	8       8         OffGuard    guard: sequence of the small sample that is, or is being, written here; written first
//	16      8         OffStamp    publish stamp of that sample, ns of CLOCK_MONOTONIC
//	24      104       OffPayload  its payload
const (
	EntrySize  = 128
	OffWord    = 0
	OffGuard   = 8
	OffStamp   = 16
	OffPayload = 24
)

// SmallPayload is the number of payload bytes that an entry holds.
const (
	SmallPayload = EntrySize - OffPayload
	entryWords   = EntrySize / 8
)

// A ring word names a sample: 42 bits of its sequence, then 22 bits of location. The location is 8 bits of arena and 14
// bits of slot in that arena; or entryArena and the number of bytes of payload that the entry itself holds; or
// Withdrawn, if the publisher withdrew the sample.
const (
	SlotIndexBits = 14
	SlotBits      = 22
	SlotMask      = 1<<SlotBits - 1
	entryArena    = 1<<(SlotBits-SlotIndexBits) - 1
	InEntry       = entryArena << SlotIndexBits
	Withdrawn     = SlotMask
)

// Word returns the ring word of a sample in a slot, or with another location.
func Word(seq uint64, slot uint32) uint64 { return seq<<SlotBits | uint64(slot) }

// Ahead returns how far the sequence in word is ahead of seq. It is negative for an older sequence.
func Ahead(word, seq uint64) int64 {
	return int64(word&^SlotMask-seq<<SlotBits) >> SlotBits
}
