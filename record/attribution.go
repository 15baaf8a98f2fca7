package record

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/shmbus/shmbus/record/mcapfile"
)

// Metadata records that say which publishers the messages of a channel came from. docs/recording.md describes them.
const (
	publishersName = "shmbus.publishers"       // "STREAM:SEQUENCE" -> rangeRecord as JSON
	endedName      = "shmbus.publishers.ended" // publisher -> log time
)

// A rangeRecord is the value of a range of sequence numbers.
type rangeRecord struct {
	Publisher  string `json:"publisher"` // "" = several publishers, which are not told apart
	Sequence   uint64 `json:"sequence"`  // the publisher's own number of the first message
	Unit       string `json:"unit,omitempty"`
	Executable string `json:"executable,omitempty"`
	PID        int    `json:"pid,omitempty"`
}

// A recordedPublisher is a publisher as a recording describes it.
type recordedPublisher struct {
	ID         string // "" = not known, also of several publishers that the recording does not tell apart
	Unit       string
	Executable string
	PID        int
	Ended      uint64 // log time at which it was gone; 0 = there at the end of the recording, or nothing is known
}

// An attribution tells which publisher each message of a recording came from: by the metadata records of the file where the
// channel has a stream, else by the channel, which then is one publisher.
type attribution struct {
	publishers map[string]*recordedPublisher // by ID
	streams    map[string]*recordedStream
	channels   map[*mcapfile.Channel]*recordedStream
}

// A recordedStream is the publishers of one channel.
type recordedStream struct {
	ranges []sequenceRange    // by from
	sorted bool               // ranges are
	rest   *recordedPublisher // of messages in no range
}

// A sequenceRange reaches to the beginning of the next one.
type sequenceRange struct {
	from      uint32 // in the file
	sequence  uint64 // the publisher's own
	publisher *recordedPublisher
}

func newAttribution() *attribution {
	return &attribution{
		publishers: make(map[string]*recordedPublisher), streams: make(map[string]*recordedStream),
		channels: make(map[*mcapfile.Channel]*recordedStream),
	}
}

// add takes over what a metadata record says of publishers. It passes over other records. An error is about the record alone.
func (a *attribution) add(m mcapfile.Metadata) error {
	switch m.Name {
	case publishersName:
		for key, value := range m.Values {
			if err := a.addRange(key, value); err != nil {
				return fmt.Errorf("metadata record %q: %w", m.Name, err)
			}
		}
	case endedName:
		for id, value := range m.Values {
			at, err := strconv.ParseUint(value, 10, 64)
			if err != nil {
				return fmt.Errorf("metadata record %q: the end of publisher %.100q: %w", m.Name, id, err)
			}
			a.known(id).Ended = at
		}
	}
	return nil
}

// addNew adds the records behind the first known ones, and returns how many are known then.
func (a *attribution) addNew(known int, records []mcapfile.Metadata, damage **mcapfile.Damage) int {
	for _, m := range records[known:] {
		if err := a.add(m); err != nil {
			*damage = (*damage).Note(err)
		}
	}
	return len(records)
}

func (a *attribution) addRange(key, value string) error {
	name, from, ok := strings.Cut(key, ":")
	first, err := strconv.ParseUint(from, 10, 32)
	if !ok || err != nil {
		return fmt.Errorf("%.100q is not a stream and a sequence number", key)
	}
	var r rangeRecord
	if err := json.Unmarshal([]byte(value), &r); err != nil {
		return fmt.Errorf("the range %.100q: %w", key, err)
	}
	p := new(recordedPublisher)
	if r.Publisher != "" {
		p = a.known(r.Publisher)
		p.Unit, p.Executable, p.PID = cmp.Or(p.Unit, r.Unit), cmp.Or(p.Executable, r.Executable), cmp.Or(p.PID, r.PID)
	}
	s := a.stream(name)
	s.sorted = len(s.ranges) == 0 || s.sorted && s.ranges[len(s.ranges)-1].from < uint32(first)
	s.ranges = append(s.ranges, sequenceRange{uint32(first), r.Sequence, p})
	return nil
}

func (a *attribution) known(id string) *recordedPublisher {
	p := a.publishers[id]
	if p == nil {
		p = &recordedPublisher{ID: id}
		a.publishers[id] = p
	}
	return p
}

func (a *attribution) stream(name string) *recordedStream {
	s := a.streams[name]
	if s == nil {
		s = &recordedStream{rest: new(recordedPublisher)}
		a.streams[name] = s
	}
	return s
}

// publisher returns the publisher of a message, the same pointer for the same publisher, and the publisher's own number of it.
// Where several publishers are not told apart, the number is that of the file.
func (a *attribution) publisher(m *mcapfile.Message) (*recordedPublisher, uint64) {
	s := a.channels[m.Channel]
	if s == nil {
		s = a.open(m.Channel)
		a.channels[m.Channel] = s
	}
	if r := s.find(m.Sequence); r != nil {
		return r.publisher, r.sequence + uint64(m.Sequence-r.from)
	}
	return s.rest, uint64(m.Sequence)
}

func (a *attribution) open(c *mcapfile.Channel) *recordedStream {
	if name := c.Metadata[keyStream]; name != "" {
		return a.stream(name)
	}
	return &recordedStream{rest: &recordedPublisher{
		ID: c.Metadata[keyPublisher], Unit: c.Metadata[keyUnit], Executable: c.Metadata[keyExecutable],
	}}
}

// find returns the range that holds a sequence number, nil if none does.
func (s *recordedStream) find(sequence uint32) *sequenceRange {
	if !s.sorted {
		// Of two ranges with the same beginning the one declared first holds.
		slices.SortStableFunc(s.ranges, func(a, b sequenceRange) int { return cmp.Compare(a.from, b.from) })
		s.sorted = true
	}
	i, found := slices.BinarySearchFunc(s.ranges, sequence, func(r sequenceRange, n uint32) int { return cmp.Compare(r.from, n) })
	if !found {
		i--
	}
	if i < 0 {
		return nil
	}
	return &s.ranges[i]
}
