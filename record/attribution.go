package record

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/shmbus/shmbus/record/mcapfile"
)

// Metadata records that assign the messages of a channel to publishers. docs/recording.md describes them.
const (
	publishersName = "shmbus.publishers"       // "STREAM:SEQUENCE" -> rangeRecord as JSON
	endedName      = "shmbus.publishers.ended" // publisher -> log time
)

// A rangeRecord is the metadata value of a range of sequence numbers.
type rangeRecord struct {
	Publisher  string `json:"publisher"`        // "" = several publishers that are not distinguished
	Sequence   uint64 `json:"sequence"`         // the publisher's sequence of the first message
	Passed     uint64 `json:"passed,omitempty"` // messages just before the first one that are not missing
	Unit       string `json:"unit,omitempty"`
	Executable string `json:"executable,omitempty"`
	PID        int    `json:"pid,omitempty"`
}

// A recordedPublisher is a publisher as described by a recording.
type recordedPublisher struct {
	ID         string // "" = unknown, or several publishers that the recording does not distinguish
	Unit       string
	Executable string
	PID        int
	Ended      uint64 // log time at which it was gone; 0 = present at the end of the recording, or unknown
}

// An attribution assigns each message of a recording to a publisher. A channel with a stream uses the metadata records of
// the file. A channel without a stream is one publisher.
type attribution struct {
	publishers map[string]*recordedPublisher // by ID
	streams    map[string]*recordedStream
	channels   map[*mcapfile.Channel]*recordedStream
	originals  originals
}

// A recordedStream holds the publishers of one channel, or the original publishers of one publisher of a replay.
type recordedStream struct {
	// runs have the ranges in the order in which they were declared. Each is sorted by from, and longer than the next one, so that there are
	// few of them, in whatever order a file declares its ranges between its messages.
	runs     [][]sequenceRange
	fallback *recordedPublisher // publisher of messages outside all ranges
}

// A sequenceRange extends to the beginning of the next one.
type sequenceRange struct {
	from      uint64 // sequence in the file, or of a replay
	sequence  uint64 // the publisher's sequence of the same message
	passed    uint64 // messages just before it that are not missing
	publisher *recordedPublisher
}

// numberOf returns the publisher's sequence of a message of the range.
func (r *sequenceRange) numberOf(sequence uint64) uint64 { return r.sequence + sequence - r.from }

func newAttribution() *attribution {
	return &attribution{
		publishers: make(map[string]*recordedPublisher), streams: make(map[string]*recordedStream),
		channels: make(map[*mcapfile.Channel]*recordedStream), originals: newOriginals(),
	}
}

// add evaluates a metadata record about publishers and ignores other records. An error concerns this record only.
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
	case originalsName:
		for key, value := range m.Values {
			if err := a.originals.add(key, value); err != nil {
				return fmt.Errorf("metadata record %q: %w", m.Name, err)
			}
		}
	}
	return nil
}

// addNew adds the records after the first known ones and returns the new number of known records.
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
	a.stream(name).add(sequenceRange{first, r.Sequence, r.Passed, p})
	return nil
}

func (s *recordedStream) add(r sequenceRange) {
	n := len(s.runs)
	if n > 0 && s.runs[n-1][len(s.runs[n-1])-1].from < r.from {
		s.runs[n-1] = append(s.runs[n-1], r)
	} else {
		s.runs = append(s.runs, []sequenceRange{r})
		n++
	}
	for ; n > 1 && len(s.runs[n-2]) <= len(s.runs[n-1]); n-- {
		s.mergeLast()
	}
}

// mergeLast merges the last two runs.
func (s *recordedStream) mergeLast() {
	n := len(s.runs)
	s.runs[n-2] = mergedRuns(s.runs[n-2], s.runs[n-1])
	s.runs = s.runs[:n-1]
}

// all returns all ranges, sorted.
func (s *recordedStream) all() []sequenceRange {
	for len(s.runs) > 1 {
		s.mergeLast()
	}
	if len(s.runs) == 0 {
		return nil
	}
	return s.runs[0]
}

// mergedRuns merges two runs. Of two ranges with the same beginning, the one declared first applies.
func mergedRuns(a, b []sequenceRange) []sequenceRange {
	all := make([]sequenceRange, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0].from < b[0].from:
			all, a = append(all, a[0]), a[1:]
		case a[0].from > b[0].from:
			all, b = append(all, b[0]), b[1:]
		default:
			b = b[1:]
		}
	}
	return append(append(all, a...), b...)
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
		s = &recordedStream{fallback: new(recordedPublisher)}
		a.streams[name] = s
	}
	return s
}

// publisher returns the publisher of a message and the publisher's sequence of it. The same publisher is always the same
// pointer. For publishers that are not distinguished, the sequence is that of the file.
func (a *attribution) publisher(m *mcapfile.Message) (*recordedPublisher, uint64) {
	s := a.channels[m.Channel]
	if s == nil {
		s = a.open(m.Channel)
		a.channels[m.Channel] = s
	}
	if r := s.find(uint64(m.Sequence)); r != nil {
		return r.publisher, r.numberOf(uint64(m.Sequence))
	}
	return s.fallback, uint64(m.Sequence)
}

// passed returns the number of messages just before a message that are not missing. Of publishers that are not distinguished, that is not
// known.
func (a *attribution) passed(m *mcapfile.Message) uint64 {
	s := a.channels[m.Channel]
	if s == nil {
		return 0
	}
	switch r := s.find(uint64(m.Sequence)); {
	case r != nil && r.publisher.ID == "":
		return math.MaxUint64
	case r != nil && r.from == uint64(m.Sequence):
		return r.passed
	}
	return 0
}

func (a *attribution) open(c *mcapfile.Channel) *recordedStream {
	if name := c.Metadata[keyStream]; name != "" {
		return a.stream(name)
	}
	return &recordedStream{fallback: &recordedPublisher{
		ID: c.Metadata[keyPublisher], Unit: c.Metadata[keyUnit], Executable: c.Metadata[keyExecutable],
	}}
}

// find returns the range that contains a sequence number, nil if there is none.
func (s *recordedStream) find(sequence uint64) (found *sequenceRange) {
	for _, run := range s.runs {
		i, equal := slices.BinarySearchFunc(run, sequence, func(r sequenceRange, n uint64) int { return cmp.Compare(r.from, n) })
		if !equal {
			i--
		}
		if i >= 0 && (found == nil || run[i].from > found.from) {
			found = &run[i]
		}
	}
	return found
}
