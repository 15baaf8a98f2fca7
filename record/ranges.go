package record

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/shmbus/shmbus/record/mcapfile"
)

// numbersOfChannel is the number of sequence numbers of a channel. When they are used up, another channel continues.
const numbersOfChannel = 1 << 32

// Sizes of a range. A range starts with shortestRange numbers and grows while no other range follows it. Otherwise the
// publisher gets another range of twice the size, so that concurrent publishers need few ranges.
const (
	shortestRange = 256
	longestRange  = 1 << 20
)

// A numberRange is a run of sequence numbers of one publisher, as the file describes it. It is immutable.
type numberRange struct {
	stream string // of the channel
	from   uint64 // first number in the file
	record rangeRecord
}

// Metadata implements mcapfile.Range.
func (r *numberRange) Metadata(from uint32, passed uint64) (name, key, value string) {
	record := r.record
	record.Sequence = r.Number(from)
	if uint64(from) == r.from {
		passed = max(passed, record.Passed)
	}
	record.Passed = passed
	return r.put(from, &record)
}

// Unknown implements mcapfile.Range.
func (r *numberRange) Unknown(from uint32) (name, key, value string) {
	return r.put(from, &rangeRecord{Sequence: r.Number(from)})
}

// Number implements mcapfile.Range. It is the publisher's own sequence.
func (r *numberRange) Number(sequence uint32) uint64 {
	return r.record.Sequence + uint64(sequence) - r.from
}

func (r *numberRange) put(from uint32, record *rangeRecord) (name, key, value string) {
	js, err := json.Marshal(record)
	if err != nil {
		js = []byte("{}") // impossible: the record holds strings and numbers
	}
	return publishersName, fmt.Sprintf("%s:%d", r.stream, from), string(js)
}

// numbers is the current range of sequence numbers of a source.
type numbers struct {
	*numberRange        // nil = none
	room         uint64 // size of the range
	used         uint64 // numbers used, up to the last message
	next         uint64 // size of the next range
}

// ranges divides the sequence numbers of channels among publishers.
type ranges struct {
	w        *mcapfile.Writer
	channels *channelTable
}

// number returns the sequence number in the file for a source's message; own is the publisher's sequence, and lost messages are missing
// before it. It may change the source's channel, to nil if the file has no room for another one.
func (r *ranges) number(src *source, own, lost uint64) (uint32, error) {
	n := &src.numbers
	if n.numberRange == nil {
		return r.begin(src, own, 0)
	}
	after := own - n.record.Sequence // larger than any room if own precedes the range
	if after > n.used+lost && after < 1<<63 {
		passed := after - n.used - lost
		r.free(src)
		n.next = 0
		return r.begin(src, own, passed)
	}
	if after >= n.room {
		grown := n.from+n.room == src.channel.next && n.grow(after)
		if !grown {
			return r.begin(src, own, 0)
		}
		src.channel.next = n.from + n.room
	}
	n.used = after + 1
	return uint32(n.from + after), nil
}

// grow extends the range to a message at a distance of after from the first one. It fails if that takes too many numbers.
func (n *numbers) grow(after uint64) bool {
	if after >= n.room+longestRange || n.from+after >= numbersOfChannel {
		return false
	}
	n.room = min(after+shortestRange, numbersOfChannel-n.from)
	return true
}

// begin starts a new range of a source with a message. Of the publisher's messages before it, passed are not missing: with keys, a
// recording has only the newest of each from before its start; nor are those of a pause missing.
func (r *ranges) begin(src *source, own, passed uint64) (uint32, error) {
	if src.channel.next >= numbersOfChannel {
		ch, err := r.channels.successor(src.channel)
		src.channel = ch
		if ch == nil || err != nil {
			return 0, err
		}
	}
	ch := src.channel
	from := ch.next
	if from == 0 && own < numbersOfChannel/2 {
		from = own
	}
	room := min(max(src.numbers.next, shortestRange), longestRange)
	src.numbers = numbers{
		numberRange: &numberRange{ch.stream, from, rangeRecord{
			Publisher: src.name, Sequence: own, Passed: passed, Unit: src.unit, Executable: src.executable, PID: src.pid,
		}},
		room: min(room, numbersOfChannel-from), used: 1, next: 2 * room,
	}
	ch.next = from + src.numbers.room
	return uint32(from), nil
}

// free frees the unused numbers of a source's range.
func (r *ranges) free(src *source) {
	if n := &src.numbers; src.channel != nil && n.numberRange != nil && n.from+n.room == src.channel.next {
		src.channel.next = n.from + n.used
	}
}

// end writes the end of a publisher.
func (r *ranges) end(src *source, logTime uint64) {
	r.free(src)
	if src.numbers.numberRange == nil {
		return
	}
	r.w.PutMetadata(endedName, src.name, strconv.FormatUint(logTime, 10))
	if src.latched {
		r.w.EndLatched(src)
	}
}
