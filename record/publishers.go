package record

import (
	"strings"
	"sync"
	"sync/atomic"

	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/topic"
)

// A source is a publisher that is recorded. It is the recorder's own, but for ended.
type source struct {
	id       topic.PublisherID
	channel  *channel // nil: the file has no room for one
	summary  *TopicSummary
	numbers  numbers
	declared bool   // the file says what follows
	logged   uint64 // largest log time of its messages
	ended    int64  // stamp, of one that is gone

	unit, executable string
	pid              int
}

// A description is what a recorder asks of the first sample of a source.
type description struct {
	topic            string
	kind             serde.Type
	latched          bool
	unit, executable string
	pid              int
	metadata         map[string]string // that it announced
}

func descriptionOf(s *topic.Sample[[]byte]) description {
	return description{
		topic: strings.Clone(s.Topic()), kind: s.Type(), latched: s.Latched(), unit: s.Unit(), executable: s.Executable(), pid: s.PID(),
		metadata: s.Metadata(),
	}
}

// sources are the publishers that a recorder has had samples of and that are not gone. The subscription tells on any goroutine,
// perhaps with locks held, which are; the recorder notes that in the file later.
type sources struct {
	mu   sync.Mutex
	byID map[topic.PublisherID]*source
	gone []*source
	// early holds stamps of the ends of publishers without a source. The first and last sample of one may have been received,
	// and not yet recorded.
	early map[topic.PublisherID]int64
	news  atomic.Bool // gone or early hold something
}

// mostEarly is how many publishers early holds. Only one of them can be more than a silent one.
const mostEarly = 4096

func newSources() *sources {
	return &sources{byID: make(map[topic.PublisherID]*source), early: make(map[topic.PublisherID]int64)}
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
	if at, ok := s.early[src.id]; ok {
		src.ended = at
		s.gone = append(s.gone, src)
	}
}

// end notes that a publisher is gone. All of its samples were received, and the last one perhaps not yet recorded.
func (s *sources) end(id topic.PublisherID, stamp int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.news.Store(true)
	if src := s.byID[id]; src != nil {
		src.ended = stamp
		s.gone = append(s.gone, src)
		return
	}
	if len(s.early) >= mostEarly {
		clear(s.early)
	}
	s.early[id] = stamp
}

// takeGone forgets the sources that are gone, and returns them. Every sample that was received must have been recorded.
func (s *sources) takeGone() []*source {
	if !s.news.Load() {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.news.Store(false)
	gone := s.gone
	s.gone = nil
	for _, src := range gone {
		delete(s.byID, src.id)
	}
	clear(s.early)
	return gone
}
