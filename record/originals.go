package record

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/shmbus/shmbus/record/mcapfile"
	"github.com/shmbus/shmbus/serde"
)

// originalsTopic is where a replay says which recorded messages its samples are. Its samples are originalNotes, as JSON. It is latched, and
// the publisher of the replay is the key: a recorder that comes later gets what applies from then on.
const originalsTopic = "$replay/originals"

// typeOfOriginals is the type of the samples on originalsTopic.
func typeOfOriginals() serde.Type {
	return serde.Type{Name: "shmbus.Original", Encoding: serde.EncodingJSON}
}

// An originalNote says which recorded message a sample of a replay is. The ones after it are the next ones of the same publisher, until the
// next note.
type originalNote struct {
	Publisher string      `json:"publisher"` // of the replay
	From      uint64      `json:"from"`      // its sequence of the sample
	Original  rangeRecord `json:"original"`  // without a publisher and a sequence: not known
}

// originalsName is the metadata record with the notes of replays that were recorded: "PUBLISHER:SEQUENCE" of the replay -> rangeRecord as JSON.
const originalsName = "shmbus.originals"

// originals holds the original publishers of messages that a replay has published.
type originals struct {
	replays    map[string]*recordedStream    // by the publisher of the replay
	publishers map[string]*recordedPublisher // by ID
}

func newOriginals() originals {
	return originals{replays: make(map[string]*recordedStream), publishers: make(map[string]*recordedPublisher)}
}

func (o *originals) add(key, value string) error {
	replay, from, ok := strings.Cut(key, ":")
	first, err := strconv.ParseUint(from, 10, 64)
	if !ok || err != nil {
		return fmt.Errorf("%.100q is not a publisher and a sequence number", key)
	}
	var r rangeRecord
	if err := json.Unmarshal([]byte(value), &r); err != nil {
		return fmt.Errorf("the original of %.100q: %w", key, err)
	}
	p := o.publishers[r.Publisher]
	if p == nil {
		p = &recordedPublisher{ID: r.Publisher, Unit: r.Unit, Executable: r.Executable, PID: r.PID}
		o.publishers[r.Publisher] = p
	}
	s := o.replays[replay]
	if s == nil {
		s = new(recordedStream)
		o.replays[replay] = s
	}
	s.add(sequenceRange{first, r.Sequence, 0, p})
	return nil
}

// list returns the original publishers of a publisher of a replay, at most so many.
func (o *originals) list(replay string, most int) (list []OriginalPublisher) {
	s := o.replays[replay]
	if s == nil {
		return nil
	}
	seen := make(map[*recordedPublisher]bool)
	for _, r := range s.all() {
		if p := r.publisher; !seen[p] && p.ID != "" && len(list) < most {
			seen[p] = true
			list = append(list, OriginalPublisher{p.ID, p.Unit, p.Executable, p.PID})
		}
	}
	return list
}

// participantOf returns the participant of a publisher by their identities.
func participantOf(publisher string) string {
	participant, _, _ := strings.Cut(publisher, ".")
	return participant
}

// original returns the publisher of the message that a message of a replay was, and that publisher's sequence of it; nil if this is not
// known. replayed is false for a message that is none of a replay. What a recorder throttles, it numbers anew.
func (a *attribution) original(m *mcapfile.Message) (p *recordedPublisher, sequence uint64, replayed bool) {
	own, number := a.publisher(m)
	s := a.originals.replays[own.ID]
	if s == nil {
		return nil, 0, false
	}
	r := s.find(number)
	if r == nil || m.Channel.Metadata[keyThrottle] != "" || r.publisher.ID == "" && r.sequence == 0 {
		return nil, 0, true
	}
	return r.publisher, r.numberOf(number), true
}
