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

// publisherBudget bounds the bytes of a recording that describe publishers. It is half of the memory that readers use for
// schemas, channels and metadata.
const publisherBudget = 32 << 20

// endedCost is the maximum number of bytes for the end of a publisher.
const endedCost = 80

// numbers is the current range of sequence numbers of a source.
type numbers struct {
	from uint64 // first number in the file
	own  uint64 // the publisher's sequence of that message
	room uint64 // size of the range; 0 = no range
	used uint64 // numbers used, up to the last message
	next uint64 // size of the next range
}

// ranges divides the sequence numbers of channels among publishers and writes the assignment to the file.
type ranges struct {
	w        *mcapfile.Writer
	channels *channelTable
	budget   int // bytes left
}

// number returns the sequence number in the file for a source's message; own is the publisher's sequence, and lost messages are missing
// before it. It may change the source's channel, to nil if the file has no room for another one.
func (r *ranges) number(src *source, own, lost uint64) (uint32, error) {
	n := &src.numbers
	after := own - n.own // larger than any room if own precedes the range
	if n.room > 0 && after > n.used+lost {
		passed := after - n.used - lost
		r.free(src)
		n.next = 0
		return r.begin(src, own, passed)
	}
	if after >= n.room {
		grown := n.room > 0 && n.from+n.room == src.channel.next && n.grow(after)
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
// recording has only the newest of each from before its start.
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
	if ch.mixed || !r.declare(src, from, own, passed) {
		src.numbers.room = 0
		if !ch.mixed {
			ch.mixed = true
			r.put(ch, from, &rangeRecord{Sequence: own})
		}
		ch.next = from + 1
		return uint32(from), nil
	}
	room := min(max(src.numbers.next, shortestRange), longestRange)
	src.numbers = numbers{from: from, own: own, room: min(room, numbersOfChannel-from), used: 1, next: 2 * room}
	ch.next = from + src.numbers.room
	return uint32(from), nil
}

// declare writes the beginning of a range if the budget allows it.
func (r *ranges) declare(src *source, from, own, passed uint64) bool {
	record := rangeRecord{Publisher: src.id.String(), Sequence: own, Passed: passed}
	if !src.declared {
		record.Unit, record.Executable, record.PID = src.unit, src.executable, src.pid
	}
	cost := len(src.channel.stream) + len(record.Unit) + len(record.Executable) + 2*endedCost
	if cost > r.budget {
		return false
	}
	r.budget -= cost
	src.declared = true
	r.put(src.channel, from, &record)
	return true
}

func (r *ranges) put(ch *channel, from uint64, record *rangeRecord) {
	js, err := json.Marshal(record)
	if err != nil {
		return // impossible: the record holds strings and numbers
	}
	r.w.PutMetadata(publishersName, fmt.Sprintf("%s:%d", ch.stream, from), string(js))
}

// free frees the unused numbers of a source's range.
func (r *ranges) free(src *source) {
	if n := &src.numbers; src.channel != nil && n.room > 0 && n.from+n.room == src.channel.next {
		src.channel.next = n.from + n.used
	}
}

// end writes the end of a publisher.
func (r *ranges) end(src *source, logTime uint64) {
	r.free(src)
	if src.declared {
		r.w.PutMetadata(endedName, src.id.String(), strconv.FormatUint(logTime, 10))
	}
}
