package mcapfile

// MaxMessage is how many bytes the payload of one message may have, for the Writer and for every reader. A chunk with such a
// message stays below the 2 GiB that common MCAP libraries take.
const MaxMessage = 2000 << 20

// DefaultMemory is what a reader needs at most where Limits do not say otherwise, besides one message.
const DefaultMemory = 256 << 20

// Limits bounds what a reader takes into memory; the zero value means the defaults.
type Limits struct {
	// Memory is in bytes. 0 = DefaultMemory and, once, what the largest message needs that is handed out. Otherwise a message
	// of more than half of it is a *LimitError too.
	Memory uint64

	block uint64 // for tests: bytes of a block
	open  uint64 // for tests: bytes of blocks in memory
}

// What of Limits.Memory is for what: one part in so many.
const (
	keptShare    = 2 // schemas, channels, metadata, and where the blocks of a Plan are
	openShare    = 8 // messages that InOrder holds
	windowShare  = 8 // the decompressor
	messageShare = 2 // one message
)

// blockSize is how many bytes of records are in memory at once, but for a message that is larger. It is also how large a
// chunk may be to be in memory as a whole.
const blockSize = 8 << 20

// shares are the parts in bytes.
type shares struct {
	memory  uint64
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
	s.window, s.open = s.memory/windowShare, s.memory/openShare
	s.block = min(s.block, max(s.memory/32, 64<<10))
	if l != nil && l.block > 0 {
		s.block = l.block
	}
	if l != nil && l.open > 0 {
		s.open = l.open
	}
	return s
}

// A budget counts what is kept as long as a reader lives.
type budget struct {
	held   uint64
	memory uint64
}

// recordCost is what keeping a record takes besides its bytes, for the one that reads it too, and entryCost a value of a map.
const (
	recordCost = 1 << 10
	entryCost  = 128
)

// room reports whether n more bytes could be kept.
func (b *budget) room(n uint64) error {
	need := b.held + n
	if need < n || need > b.memory/keptShare {
		return &LimitError{What: "the schemas, channels and metadata up to the record", Size: saturate(need, n, keptShare), Limit: b.memory}
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

// saturate multiplies a need, which is a sum that has n in it, as far as 64 bits go.
func saturate(need, n, by uint64) uint64 {
	if need < n || need > ^uint64(0)/by {
		return ^uint64(0)
	}
	return need * by
}
