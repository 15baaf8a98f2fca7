package record

import (
	"strings"
	"sync"
	"sync/atomic"

	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/topic"
)

// A source is a publisher that is recorded. It belongs to the recorder's goroutine, except ended.
type source struct {
	id       topic.PublisherID
	name     string   // id as text
	channel  *channel // nil: the file has no room for another channel
	counts   *topicCounts
	unwanted bool   // by its type, or it is received for its triggers only
	trigger  string // what its messages are as triggers, "" = none
	latched  bool
	key      func(payload []byte) string // of a topic with keys
	keys     map[string]bool             // so far
	throttle *throttleState              // nil = none
	call     *callSource                 // of a service; nil = a topic
	numbers  numbers
	logged   uint64 // largest log time of its messages
	logStamp int64  // the same as a stamp
	ended    int64  // stamp of the end, if the publisher is gone

	unit, executable string
	pid              int
}

// keyOf returns the key of a payload, "" without keys. Beyond the keys that the transport allows, further ones count as one.
func (src *source) keyOf(payload []byte) string {
	if src.key == nil {
		return ""
	}
	key := src.key(payload)
	if !src.keys[key] {
		if len(src.keys) >= maxReplayKeys {
			return ""
		}
		if src.keys == nil {
			src.keys = make(map[string]bool)
		}
		src.keys[key] = true
	}
	return key
}

// A description holds the properties that a recorder reads from the first sample of a source.
type description struct {
	topic            string
	kind             serde.Type
	latched          bool
	unit, executable string
	pid              int
	metadata         map[string]string // announced by the publisher
	throttled        string            // what is left out, for people
	service, role    string            // of a channel of a service
	goals            bool              // its requests are for goals
}

func descriptionOf(s *topic.Sample[[]byte]) description {
	return description{
		topic: strings.Clone(s.Topic()), kind: s.Type(), latched: s.Latched(), unit: s.Unit(), executable: s.Executable(), pid: s.PID(),
		metadata: s.Metadata(),
	}
}

// sources are the present publishers of which the recorder has received samples. The subscription reports ended publishers
// on any goroutine, possibly with locks held. The recorder writes the ends to the file later.
type sources struct {
	mu   sync.Mutex
	byID map[topic.PublisherID]*source
	gone []*source
	// earlyEnds holds the stamps of ended publishers without a source. The first and last sample of such a publisher may
	// have been received and not yet recorded.
	earlyEnds map[topic.PublisherID]int64
	changed   atomic.Bool // gone or earlyEnds is not empty
}

// maxEarlyEnds bounds earlyEnds. At most one of these publishers can have published anything.
const maxEarlyEnds = 4096

func newSources() *sources {
	return &sources{byID: make(map[topic.PublisherID]*source), earlyEnds: make(map[topic.PublisherID]int64)}
}

func (s *sources) find(id topic.PublisherID) *source {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.byID[id]
}

func (s *sources) add(src *source) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.byID[src.id] = src
	if at, ok := s.earlyEnds[src.id]; ok {
		s.addGone(src, at)
	}
}

func (s *sources) addGone(src *source, stamp int64) {
	if src.ended == 0 {
		src.ended = stamp
		s.gone = append(s.gone, src)
	}
}

// end records that a publisher is gone. All of its samples were received; the last one may not be recorded yet.
func (s *sources) end(id topic.PublisherID, stamp int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changed.Store(true)
	if src := s.byID[id]; src != nil {
		s.addGone(src, stamp)
		return
	}
	if len(s.earlyEnds) >= maxEarlyEnds {
		clear(s.earlyEnds)
	}
	s.earlyEnds[id] = stamp
}

// endGone is end for all publishers that are gone. The subscription's last reports may come after its Close.
func (s *sources) endGone(isGone func(topic.PublisherID) bool, stamp int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, src := range s.byID {
		if isGone(id) {
			s.changed.Store(true)
			s.addGone(src, stamp)
		}
	}
}

// takeGone removes and returns the sources that are gone. Every received sample must have been recorded.
func (s *sources) takeGone() []*source {
	if !s.changed.Load() {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changed.Store(false)
	gone := s.gone
	s.gone = nil
	for _, src := range gone {
		delete(s.byID, src.id)
	}
	clear(s.earlyEnds)
	return gone
}
