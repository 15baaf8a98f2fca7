package record

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/shmbus/shmbus/record/mcapfile"
)

// PublisherInfo describes the messages of one publisher on a topic.
type PublisherInfo struct {
	ID           string     `json:"id"` // "" = unknown, or several publishers that the recording does not distinguish
	Unit         string     `json:"unit"`
	Executable   string     `json:"executable"`
	PID          int        `json:"pid"`
	Messages     uint64     `json:"messages"`
	Start        time.Time  `json:"start"`           // log time of the first message
	End          time.Time  `json:"end"`             // and of the last
	Ended        *time.Time `json:"ended,omitempty"` // end of the publisher; nil = present at the end of the recording, or unknown
	SequenceGaps uint64     `json:"sequence_gaps"`
	// Originals are the publishers whose messages it published as a replay, at most 100.
	Originals []OriginalPublisher `json:"originals,omitempty"`

	first, last uint64
	number      uint64 // the publisher's sequence of its last message
}

// OriginalPublisher is a publisher of a recording that was played.
type OriginalPublisher struct {
	ID         string `json:"id"` // "" = unknown
	Unit       string `json:"unit"`
	Executable string `json:"executable"`
	PID        int    `json:"pid"`
}

// listedPublishers is the number of publishers of a topic that TopicInfo lists, and of the originals of each.
const listedPublishers = 100

// add counts a message. number is its publisher's sequence, and passed the number of messages just before it that are not missing.
func (i *PublisherInfo) add(m *mcapfile.Message, number, passed uint64) {
	if i.Messages == 0 {
		i.first, i.last = m.LogTime, m.LogTime
	} else if step := uint32(number - i.number); step > 1 && step < 1<<31 {
		// Numbers wrap. A step of more than half of the range is a step back, or the file has no sequence numbers.
		i.SequenceGaps += uint64(step-1) - min(passed, uint64(step-1))
	}
	i.number = number
	i.Messages++
	i.first, i.last = min(i.first, m.LogTime), max(i.last, m.LogTime)
}

// describePublishers adds the publishers of a topic.
func (t *TopicInfo) describePublishers(publishers map[*recordedPublisher]*PublisherInfo, from *originals) {
	t.Publishers = len(publishers)
	units := make(map[string]bool)
	for p, i := range publishers {
		i.ID, i.Unit, i.Executable, i.PID = p.ID, p.Unit, p.Executable, p.PID
		i.Start, i.End = wallTime(i.first), wallTime(i.last)
		if p.Ended > 0 {
			ended := wallTime(p.Ended)
			i.Ended = &ended
			t.PublishersGone++
		}
		if i.Unit != "" {
			units[i.Unit] = true
		}
		t.SequenceGaps += i.SequenceGaps
	}
	t.Units = append(t.Units, slices.Sorted(maps.Keys(units))...)
	list := slices.SortedFunc(maps.Values(publishers), func(a, b *PublisherInfo) int {
		return cmp.Or(cmp.Compare(a.first, b.first), cmp.Compare(a.ID, b.ID))
	})
	t.PublisherList = []PublisherInfo{}
	for _, i := range list[:min(len(list), listedPublishers)] {
		i.Originals = from.list(i.ID, listedPublishers)
		t.PublisherList = append(t.PublisherList, *i)
	}
}
