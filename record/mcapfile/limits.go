package mcapfile

// MaxMessage is the maximum payload of one message in bytes, for the Writer and for every reader. A chunk with such a
// message stays below the 2 GiB that common MCAP libraries accept.
const MaxMessage = 2000 << 20

// DefaultMemory is the default memory of a reader in bytes, in addition to one message.
const DefaultMemory = 256 << 20

// Limits bounds the memory of a reader. The zero value means the defaults.
type Limits struct {
	// Memory is in bytes. 0 = DefaultMemory plus, once, the need of the largest message that is returned. With another
	// value, a message of more than half of it is a *MemoryLimitError too.
	Memory uint64
	// Whole is the memory of which Memory is the share of one reader, for a program that also writes or has several readers; 0 = Memory. The
	// window of a decompressor may have the same part of it in each reader: the files do not depend on the shares. What a *MemoryLimitError
	// says is for all of it.
	Whole uint64

	block uint64 // for tests: bytes of a block
	open  uint64 // for tests: bytes of blocks in memory
}

// Divisors of Limits.Memory: the share for each purpose.
const (
	keptShare    = 2 // schemas, channels, metadata, and the positions of a Plan's blocks
	openShare    = 4 // messages that InOrder holds
	windowShare  = 8 // the decompressor
	messageShare = 2 // one message
)

// blockSize is the number of bytes of records in memory at once, except for a larger message. It is also the size up to
// which a chunk is in memory as a whole.
const blockSize = 8 << 20

// shares are the parts of the memory in bytes.
type shares struct {
	memory  uint64
	whole   uint64 // of which memory is a share
	window  uint64
	open    uint64
	message uint64
	block   uint64
}

func (l *Limits) shares() shares {
	s := shares{memory: DefaultMemory, message: MaxMessage, block: blockSize}
	if l != nil && l.Memory > 0 {
		s.memory = l.Memory
		s.message = min(l.Memory/messageShare, MaxMessage)
	}
	s.whole = s.memory
	if l != nil {
		s.whole = max(l.Whole, s.memory)
	}
	s.window, s.open = s.whole/windowShare, s.memory/openShare
	s.block = min(s.block, max(s.memory/32, 64<<10))
	if l != nil && l.block > 0 {
		s.block = l.block
	}
	if l != nil && l.open > 0 {
		s.open = l.open
	}
	return s
}

// A budget counts the memory that is kept for the lifetime of a reader.
type budget struct {
	held   uint64
	limits shares
}

// recordCost is the memory for keeping a record in addition to its bytes, also in the program that uses it. entryCost is
// that of a map entry.
const (
	recordCost = 1280
	entryCost  = 128
)

// room returns an error if n more bytes cannot be kept.
func (b *budget) room(n uint64) error {
	need := b.held + n
	if need < n || need > b.limits.memory/keptShare {
		return b.limits.exceeded("the schemas, channels and metadata up to the record", saturate(need, n, keptShare))
	}
	return nil
}

func (b *budget) take(n uint64) error {
	if err := b.room(n); err != nil {
		return err
	}
	b.held += n
	return nil
}

// exceeded is an error for something that a reader could read with need bytes of memory.
func (s *shares) exceeded(what string, need uint64) *MemoryLimitError {
	return &MemoryLimitError{What: what, Size: saturate(need, 0, (s.whole+s.memory-1)/s.memory), Limit: s.whole}
}

// saturate multiplies a need, which is a sum that includes n, without overflowing 64 bits.
func saturate(need, n, by uint64) uint64 {
	if need < n || need > ^uint64(0)/by {
		return ^uint64(0)
	}
	return need * by
}
