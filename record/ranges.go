package record

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/shmbus/shmbus/record/mcapfile"
)

// numbersOfChannel is how many sequence numbers a channel has. When they are used up another channel goes on.
const numbersOfChannel = 1 << 32

// A range has at first so many numbers. It grows as long as no other range is behind it; else the publisher gets another one,
// twice as long, so that publishers of the same time take few ranges.
const (
	shortestRange = 256
	longestRange  = 1 << 20
)

// publisherBudget is how many bytes of a recording say which publishers messages came from. It is half of what readers of
// recordings keep of schemas, channels and metadata.
const publisherBudget = 32 << 20

// endedCost is how many bytes of that the end of a publisher takes, at most.
const endedCost = 80

// numbers are the range of sequence numbers that a source has now.
type numbers struct {
	from uint64 // first number in the file
	own  uint64 // the publisher's own number of that message
	room uint64 // how many numbers; 0 = no range
	used uint64 // up to the last message
	next uint64 // how many the next range has
}

// ranges divide the sequence numbers of channels among their publishers, and note in the file which is whose.
type ranges struct {
	w        *mcapfile.Writer
	channels *channelTable
	budget   int // bytes left
}

// number returns the sequence number in the file of a source's message, of which own is the publisher's number. It may change
// the source's channel, to nil when the file has no room for another one.
func (r *ranges) number(src *source, own uint64) (uint32, error) {
	n := &src.numbers
	after := own - n.own // beyond all room for a number of before the range
	if after >= n.room {
		grown := n.room > 0 && n.from+n.room == src.channel.next && n.grow(after)
		if !grown {
			return r.begin(src, own)
		}
		src.channel.next = n.from + n.room
	}
	n.used = after + 1
	return uint32(n.from + after), nil
}

// grow makes room for the message so far behind the first one. It fails where that would take too many numbers.
func (n *numbers) grow(after uint64) bool {
	if after >= n.room+longestRange || n.from+after >= numbersOfChannel {
		return false
	}
	n.room = min(after+shortestRange, numbersOfChannel-n.from)
	return true
}

// begin gives a source a new range that begins with a message.
func (r *ranges) begin(src *source, own uint64) (uint32, error) {
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
	if ch.mixed || !r.declare(src, from, own) {
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

// declare notes the beginning of a range, if the budget allows.
func (r *ranges) declare(src *source, from, own uint64) bool {
	record := rangeRecord{Publisher: src.id.String(), Sequence: own}
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
		return // cannot be: it holds strings and numbers
	}
	r.w.PutMetadata(publishersName, fmt.Sprintf("%s:%d", ch.stream, from), string(js))
}

// end notes that a publisher is gone, and lets the next one have the numbers that it left.
func (r *ranges) end(src *source, logTime uint64) {
	if n := &src.numbers; src.channel != nil && n.room > 0 && n.from+n.room == src.channel.next {
		src.channel.next = n.from + n.used
	}
	if src.declared {
		r.w.PutMetadata(endedName, src.id.String(), strconv.FormatUint(logTime, 10))
	}
}
