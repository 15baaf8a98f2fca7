package watch

import (
	"slices"
	"strings"

	"github.com/shmbus/shmbus/registry"
)

// A Share is shared memory of one owner: the file of a publisher, or the other files of a participant.
type Share struct {
	Owner  registry.Participant
	ID     registry.EndpointID // Number is 0 for the other files of a participant
	Topic  string              // of a publisher
	Stats  registry.PublisherStats
	Depth  uint32
	Growth int64 // bytes since the first inspection
	Segment
}

// Memory follows the shared memory of a domain. The zero value is ready. It is for one goroutine at a time.
type Memory struct {
	first map[registry.EndpointID]int64 // bytes when it was seen first
}

// Of returns the shares of a view in the order of topics, those of participants last. x must have WantMemory.
func (m *Memory) Of(v View, x Inspection) []Share {
	if x.Segments == nil {
		return nil
	}
	var all []Share
	for _, p := range v.Participants {
		for _, e := range p.Endpoints {
			if s, ok := x.Segments[e.ID]; ok {
				all = append(all, Share{Owner: p, ID: e.ID, Topic: e.Topic, Stats: v.Stats.Publishers[e.ID], Depth: e.Depth, Segment: s})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b Share) int { return strings.Compare(a.Topic, b.Topic) })
	for _, p := range v.Participants {
		all = append(all, Share{Owner: p, ID: registry.EndpointID{Participant: p.ID}, Segment: Segment{File: x.Files[p.ID]}})
	}
	first := make(map[registry.EndpointID]int64, len(all))
	for i := range all {
		s := &all[i]
		was, known := m.first[s.ID]
		if !known {
			was = s.File
		}
		first[s.ID], s.Growth = was, s.File-was
	}
	m.first = first
	return all
}

// TotalBytes returns the bytes of all shares.
func TotalBytes(all []Share) (n int64) {
	for _, s := range all {
		n += s.File
	}
	return n
}
