package shmtransport

// Magic numbers and version of the files of this package. The version changes when a byte changes its meaning. Programs of
// different versions refuse each other with a *errdefs.VersionError.
const (
	publisherMagic = 0x3142555053554253 // "SBUSPUB1" as little-endian bytes
	readerMagic    = 0x3152444553554253 // "SBUSEDR1"
	wakeMagic      = 0x314b415753554253 // "SBUSWAK1"
	LayoutVersion  = 5
)

// Publisher file. Written by the publisher alone; readers map it read-only.
//
//	offset  size      constant          holds
//	0       8         pubOffMagic       magic
//	8       4         pubOffVersion     layout version
//	12      4         pubOffDepth       depth: ring entries, a power of two
//	16      8         pubOffOwner       participant id of the publisher
//	24      4         pubOffNumber      number of the publisher within its participant
//	32      8         pubOffMaxPayload  largest payload, bytes
//	40      4         pubOffKeys        keys: words of the key table behind the ring
//	68      4         pubOffState       state: 0 open, 1 closed
//	72      4         pubOffAdmitGen    admission generation: incremented after each change of the admission table
//	76      4         pubOffFull        full: 1 from a request without a free admission entry until an entry is freed
//	128     8         pubOffHead        head: sequence of the newest sample, a hint
//	192     8         pubOffWakeCursor  wake cursor: a publish sleeps until a lossless cursor gets there; 0 = none does
//	280     3048      pubOffArenas      arena table, 127 entries
//	3328    4096      pubOffAdmissions  admission table, 128 entries
//	7424    128*depth pubOffRing        ring
//
// The key table follows, then arenas, each on a page boundary, in the order they were made. A word of the key table is the ring word of
// the newest sample of a key, or 0.
const (
	pubOffMagic      = 0
	pubOffVersion    = 8
	pubOffDepth      = 12
	pubOffOwner      = 16
	pubOffNumber     = 24
	pubOffMaxPayload = 32
	pubOffKeys       = 40
	pubOffState      = 68
	pubOffAdmitGen   = 72
	pubOffFull       = 76
	pubOffHead       = 128
	pubOffWakeCursor = 192
	pubOffArenas     = 280
	pubOffAdmissions = 3328
	pubOffRing       = 7424
)

const (
	stateOpen   = 0
	stateClosed = 1
)

// Arena table entry. Written before the first ring word that names one of its slots, never changed afterwards.
//
//	offset  size      constant          holds
//	0       8         arenaOffOffset    offset of the arena in the file
//	8       8         arenaOffSlotSize  slot size: payload bytes a slot can hold, a multiple of 64
//	16      4         arenaOffSlots     slots
const (
	arenaEntrySize   = 24
	arenaOffOffset   = 0
	arenaOffSlotSize = 8
	arenaOffSlots    = 16
)

// Admission table entry. The status is cleared first and written last; the reader's id is written after the start.
//
//	offset  size      constant      holds
//	0       8         admOffReader  participant id of the reader
//	8       8         admOffLink    link: index in the reader file, generation in the upper half
//	16      8         admOffStart   start: the first sequence the reader accounts for
//	24      4         admOffStatus  status: 0 free, 1 admitted
const (
	admissionEntrySize = 32
	admOffReader       = 0
	admOffLink         = 8
	admOffStart        = 16
	admOffStatus       = 24
)

const (
	statusFree     = 0
	statusAdmitted = 1
)

// Slot header, in front of each payload. Written before the ring word that names the slot.
//
//	offset  size      constant          holds
//	0       8         slotOffSequence   sequence, all 64 bits
//	8       8         slotOffLength     payload length, bytes
//	16      8         slotOffPublished  publish stamp, ns of CLOCK_MONOTONIC
const (
	slotHeaderSize   = 64
	slotOffSequence  = 0
	slotOffLength    = 8
	slotOffPublished = 16
)

// Reader file, one per participant that subscribes. Written by that participant alone; publishers map the link pages of
// admitted readers read-only. Behind the header are groups of a directory page of 64 entries and the 64 link pages of these
// entries. The file ends where its memory ends.
//
//	offset  size      constant       holds
//	0       8         rdrOffMagic    magic
//	8       4         rdrOffVersion  layout version
//	16      8         rdrOffOwner    participant id of the reader
//	24      4         rdrOffUsed     links: directory entries at or above this index were never used
//	1024    1024      rdrOffChanges  256 counts of 4 bytes, one for every 64 directory entries: something changed in these
//	4096    68157440  rdrOffGroups   groups, up to 256 of 266240 bytes
//
// With g = i / 64 and k = i % 64, directory entry i is at 4096 * (1 + 65 * g) + 64 * k, and link page i at 4096 * (2 + 65 * g + k).
const (
	rdrOffMagic   = 0
	rdrOffVersion = 8
	rdrOffOwner   = 16
	rdrOffUsed    = 24
	rdrOffChanges = 1024
	rdrOffGroups  = 4096
	linksPerGroup = linkPageSize / linkEntrySize // a count of changes covers as many directory entries
	rdrGroupSize  = linkPageSize + linksPerGroup*linkPageSize
	rdrFileSize   = rdrOffGroups + maxLinks/linksPerGroup*rdrGroupSize // largest size of a reader file
)

func linkGroupOffset(link uint32) int64 { return rdrOffGroups + int64(link/linksPerGroup)*rdrGroupSize }

func linkEntryOffset(link uint32) int64 {
	return linkGroupOffset(link) + int64(link%linksPerGroup)*linkEntrySize
}

func linkPageOffset(link uint32) int64 {
	return linkGroupOffset(link) + linkPageSize + int64(link%linksPerGroup)*linkPageSize
}

// Link directory entry: a subscription's answer to one publisher. The state is cleared first and written last.
//
//	offset  size      constant           holds
//	0       4         linkOffState       state: 0 free, 1 requested, 2 declined
//	4       4         linkOffGeneration  generation of the entry
//	8       8         linkOffPublisher   participant id of the publisher
//	16      4         linkOffNumber      number of the publisher
//	20      4         linkOffSubscriber  number of the subscription within its participant
//	24      4         linkOffHistory     history: samples of the past it asks for, 4294967295 = all there were
//	28      4         linkOffPolicy      policy: 0 keep-last, 1 lossless
//	32      8         linkOffTimeout    lossless timeout, ns
const (
	linkEntrySize      = 64
	linkOffState       = 0
	linkOffGeneration  = 4
	linkOffPublisher   = 8
	linkOffNumber      = 16
	linkOffSubscriber  = 20
	linkOffHistory     = 24
	linkOffPolicy      = 28
	linkOffTimeout     = 32
	linkStateFree      = 0
	linkStateRequested = 1
	linkStateDeclined  = 2
	policyKeepLast     = 0
	policyLossless     = 1
)

// Link page: the state of a reader in one publisher's ring, which that publisher reads.
//
//	offset  size      constant          holds
//	0       8         pageOffPublisher  participant id of the publisher
//	8       4         pageOffNumber     number of the publisher
//	12      4         pageOffGen        generation, as in the directory entry
//	16      4         pageOffState      state: 0 unused, 1 in use
//	64      4         pageOffArmed      armed: 0 polling, 1 awake, else a new number for each sleep, or armedFrom + 31 bits of the sequence that ends a rest
//	128     8         pageOffCursor     cursor: the next sequence the reader will take
//	192     4         pageOffMarksUsed  marks in use: marks at or above this index are 0
//	196     4         pageOffResets     resets: changes when the reader, which takes nothing on purpose, resets its lossless timeout
//	256     3840      pageOffMarks      marks, 960 words: slot + 1 of a sample the reader holds, or 0
const (
	linkPageSize     = 4096
	pageOffPublisher = 0
	pageOffNumber    = 8
	pageOffGen       = 12
	pageOffState     = 16
	pageOffArmed     = 64
	pageOffCursor    = 128
	pageOffMarksUsed = 192
	pageOffResets    = 196
	pageOffMarks     = 256
)

const (
	pageUnused  = 0
	pageCurrent = 1
)

// Values of the armed word. A polling reader, which has taken 1,024 samples without a sleep, issues a heavy fence after it arms, so its
// publisher needs no fence.
const (
	armedPolling = 0
	armedAwake   = 1
	armedFirst   = 2       // the lowest number of a sleep
	armedFrom    = 1 << 31 // the lowest word with a sequence, of a reader that rests
)

// Wake file, one per participant that publishes. Written by that participant alone; readers of its publishers map it read-only.
//
//	offset  size  constant        holds
//	0       8     wakeOffMagic    magic
//	8       4     wakeOffVersion  layout version
//	16      8     wakeOffOwner    participant id of the publishers
//	64      4032  wakeOffBells    bells: 1008 futex words, each incremented before sleepers are woken
const (
	wakeOffMagic   = 0
	wakeOffVersion = 8
	wakeOffOwner   = 16
	wakeOffBells   = 64
	wakeFileSize   = 4096
	wakeLines      = (wakeFileSize - wakeOffBells) / 64
)

// Limits that the layout sets.
const (
	MaxArenas    = 127     // growth steps of one publisher
	MaxReaders   = 128     // subscriptions connected to one publisher
	MaxDepth     = 1 << 16 // ring entries
	MaxKeys      = 1 << 16 // keys of one publisher
	MaxLinks     = 16384   // publishers connected to the subscriptions of one participant
	MaxHeld      = (linkPageSize - pageOffMarks) / 4
	MaxPayload   = 1 << 40 // bytes of one sample
	maxLinks     = MaxLinks
	slotAlign    = 64
	maxSlots     = 1 << 14 // as ring.SlotIndexBits has it
	minSlotStep  = 128
	largeSlot    = 64 << 10
	firstGrowth  = 4 << 20 // largest first arena of a slot size, bytes, unless one slot is larger
	defaultDepth = 16
)

// historyAll asks for all samples that a publisher ever published. Those that are no longer in the ring count as lost.
const historyAll uint32 = 1<<32 - 1
