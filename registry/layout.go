package registry

import (
	"hash/crc32"

	"github.com/shmbus/shmbus/internal/stats"
)

// Numbers are in the byte order of the machine. Bytes not listed are zero. The checksums are CRC-32C (Castagnoli).
//
// The registry file, five pages, which every participant may write. A bell is a futex word: a participant adds to it and wakes
// its sleepers to make them scan.
//
//	offset  size  constant         holds
//	0       8     offMagic         "shmbus-r"
//	8       4     offVersion       layout version
//	16      16    offNonce         random: differs in a file that replaces this one
//	64      4     offBell          the bell for all: a participant joined or left
//	128     4     offPublishers    the bell of participants that wait for publishers of many topics
//	192     4     offSubscriptions the bell of participants that wait for subscriptions
//	256     256   offTopics        64 bells of participants that wait for publishers of a topic, by its key
//	4096    4096  offChanges       1024 counts: a participant with this place changed something
//	8192    4096  offCalls         1024 bells: a participant with this place is wanted
//	12288   8192  offNewcomers     1024 words of 8 bytes: id of the last participant with this place that joined
//
// The participant file "<id>.participant", written by that participant alone: a header page, then groups of an index page and its
// 256 endpoint pages. The file ends where its memory ends. Magic and version are at the same offsets in every layout version.
//
//	offset  size  constant         holds
//	0       8     offMagic         "shmbus-p"
//	8       4     offVersion       layout version
//	12      4     offPID           process id
//	16      8     offID            participant id
//	24      8     offStartTime     start of the process, clock ticks after boot
//	32      16    offBootID        boot id
//	48      8     offSince         stamp of joining, ns of CLOCK_MONOTONIC
//	56      2     offExecLength    bytes of the executable's path
//	58      2     offUnitLength    bytes of the unit name
//	60      4     offHeaderCRC     checksum over bytes 0 to 59 and the two texts
//	64      8     offTableVersion  grows after every change
//	72      4     offState         1 alive, 2 leaving
//	76      4     offPages         endpoint pages that were ever used; the others need not be read
//	80      8     offTouches       grows after every change of the participant's other files
//	96      8     offPIDNamespace  inode of the pid namespace that the process id is of, 0 = not known
//	128     3712  offText          the executable's path and the unit name, one after the other
//	3840    256   offIndexChanges  64 counts of 4 bytes, one for every 64 index entries: grows with each change of these
//
// The index has an entry for each endpoint page, which says whether there is a record. With g = i / 256 and k = i % 256, entry i
// is at 4096 * (1 + 257 * g) + 16 * k:
//
//	offset  size  constant         holds
//	0       8     offIndexWord     generation times 256, and the state; 0 = there is no record
//	8       8     offIndexKey      the key of the topic; 0 = only the record tells the topics
//
// An endpoint page; page i is at 4096 * (2 + 257 * g + k):
//
//	offset  size  constant         holds
//	0       4     offEndpointState 0 empty, 1 publisher, 2 subscription; written last, cleared first
//	4       4     offNumber        number of the endpoint, never reused by this participant
//	8       8     offGeneration    grows with every record that the participant writes
//	16      4     offBodyLength    bytes of the body
//	20      4     offBodyCRC       checksum over bytes 4 to 19 and the body
//	64      3136  offBody          the body
//	3200    640   offCounters      the counters, see internal/stats
//
// The body; texts have a length of 2 bytes before them:
//
//	offset  size  constant         holds
//	0       8     offEndpointSince stamp of advertising, ns of CLOCK_MONOTONIC
//	8       8     offMaxPayload    bytes
//	16      4     offSchemaSize    bytes of "<id>.schema.<number>", 0 = there is none
//	20      4     offSchemaCRC     checksum over the schema
//	24      4     offDepth         ring entries
//	28      4     offHistory       samples
//	32      1     offKind          the state word again
//	33      1     offFlags         1 any type, 2 latched, 4 lossless, 8 checks schemas
//	34      2     offPatternCount  number of patterns
//	36      -     offTexts         topic, type name, encoding, schema encoding, patterns, keys and values of the metadata
const (
	offMagic   = 0
	offVersion = 8

	offNonce         = 16
	offBell          = 64
	offPublishers    = 128
	offSubscriptions = 192
	offTopics        = 256
	offChanges       = 4096
	offCalls         = 8192
	offNewcomers     = 12288

	offPID          = 12
	offID           = 16
	offStartTime    = 24
	offBootID       = 32
	offSince        = 48
	offExecLength   = 56
	offUnitLength   = 58
	offHeaderCRC    = 60
	offTableVersion = 64
	offState        = 72
	offPages        = 76
	offTouches      = 80
	offPIDNamespace = 96
	offText         = 128
	offIndexChanges = 3840

	offIndexWord = 0
	offIndexKey  = 8

	offEndpointState = 0
	offNumber        = 4
	offGeneration    = 8
	offBodyLength    = 16
	offBodyCRC       = 20
	offBody          = 64
	offCounters      = 3200

	offEndpointSince = 0
	offMaxPayload    = 8
	offSchemaSize    = 16
	offSchemaCRC     = 20
	offDepth         = 24
	offHistory       = 28
	offKind          = 32
	offFlags         = 33
	offPatternCount  = 34
	offTexts         = 36
)

const (
	layoutVersion    = 5
	registryMagic    = "shmbus-r"
	participantMagic = "shmbus-p"

	pageSize      = 4096
	registrySize  = 5 * pageSize
	nonceSize     = 16
	places        = 1024 // the place of a participant in the registry file is its id modulo this
	topicBells    = 64   // the bell of a topic is its key modulo this
	indexSize     = 16   // of an entry
	indexGroup    = 64   // index entries per count of changes
	indexGroups   = MaxEndpoints / indexGroup
	perIndex      = pageSize / indexSize         // entries of an index page, and endpoint pages of its group
	groupSize     = pageSize + perIndex*pageSize // of an index page and its endpoint pages
	stateBits     = 8                            // of an index word, below the generation
	prefixSize    = offBodyCRC + 4
	maxBody       = offCounters - offBody
	maxExecutable = 2048                                       // bytes of the path; the rest is cut off
	fileSize      = pageSize + MaxEndpoints/perIndex*groupSize // of a participant file, at most
)

const (
	stateAlive   = 1
	stateLeaving = 2
)

const (
	flagAnyType = 1 << iota
	flagLatched
	flagLossless
	flagChecksSchema
)

// This does not compile unless the counters end within their page.
const _ = uint(pageSize - offCounters - stats.Size)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(parts ...[]byte) uint32 {
	var sum uint32
	for _, p := range parts {
		sum = crc32.Update(sum, castagnoli, p)
	}
	return sum
}

func groupOffset(page int) int { return pageSize + page/perIndex*groupSize }

func pageOffset(page int) int { return groupOffset(page) + pageSize + page%perIndex*pageSize }

func indexOffset(page int) int { return groupOffset(page) + page%perIndex*indexSize }

// indexed returns the index word of a record.
func indexed(state uint32, generation uint64) uint64 { return generation<<stateBits | uint64(state) }

// placeOf returns the place of a participant's hints in the registry file. Ids are random, so few participants share a place.
// These scan more often than necessary, which has no other effect.
func placeOf(id ID) int { return int(id % places) }
