package record

import (
	"github.com/shmbus/shmbus/internal/clock"
	"github.com/shmbus/shmbus/record/mcapfile"
	"github.com/shmbus/shmbus/topic"
)

// A replaySource is a recorded publisher.
type replaySource struct {
	stream *replayStream
	// ended is the log time after which the publisher was gone, at or after its last message. MaxUint64 = no end is known.
	ended uint64
	// presumed says that ended is only the time of the last message. The publisher may have existed longer. In a latched
	// stream, only a source with the same identity replaces it.
	presumed  bool
	identity  string
	publisher *replayPublisher // publishes for this source; nil before its first message
}

// sourceKey identifies a source. A hostile file may name one publisher in several channels. The parts of a recording have the same
// publishers.
type sourceKey struct {
	stream    *replayStream
	publisher string            // its identity
	channel   *mcapfile.Channel // of a publisher that is unknown, or the only one of the channel
}

// source returns the source of a message.
func (pl *player) source(m *playMessage) *replaySource {
	c := pl.set.channels[m.Channel]
	key := sourceKey{stream: c.stream, channel: m.Channel}
	if m.Channel.Metadata[keyStream] != "" {
		if p, _ := m.file.attribution.publisher(&m.Message); p.ID != "" {
			key.publisher, key.channel = p.ID, nil
		}
	}
	src := pl.sources[key]
	if src != nil {
		return src
	}
	if key.channel != nil {
		src = presumedSource(c)
	} else {
		src = &replaySource{stream: c.stream, ended: pl.files.ended(key.publisher)}
	}
	pl.sources[key] = src
	return src
}

// presumedSource is the only publisher of a channel without a recorded end.
func presumedSource(c *replayChannel) *replaySource {
	src := &replaySource{stream: c.stream, ended: c.plan.Last, presumed: true}
	m := c.plan.Metadata
	for _, key := range []string{keyUnit, keyExecutable, keyCallerID} {
		if m[key] != "" {
			src.identity += key + "=" + m[key] + "\n"
		}
	}
	return src
}

// replacedBy reports whether next, which has a message at log time t, replaces s.
func (s *replaySource) replacedBy(next *replaySource, t uint64) bool {
	if s.ended >= t {
		return false
	}
	return !s.presumed || !s.stream.latched || s.identity == next.identity
}

// repeats finds messages that a part of a recording repeats from the part before: the newest of latched topics. It holds the last sequence
// of each publisher.
type repeats map[string]lastSequence

type lastSequence struct {
	file     int
	sequence uint64
}

// isRepeated reports whether a message of a latched topic was in a part before. It must be called once for each message, in order.
func (r repeats) isRepeated(m *playMessage, latched bool) bool {
	if !latched || m.Channel.Metadata[keyStream] == "" {
		return false
	}
	p, sequence := m.file.attribution.publisher(&m.Message)
	if p.ID == "" {
		return false
	}
	last, known := r[p.ID]
	if known && last.file != m.file.index && sequence <= last.sequence {
		return true
	}
	r[p.ID] = lastSequence{m.file.index, sequence}
	return false
}

// originalStamps turns recorded publish times into stamps, so that topic.Sample.Time returns the recorded time. The difference to the wall
// clock is that of the beginning of the replay; stamps of before the boot are negative.
type originalStamps struct{ offset int64 }

func newOriginalStamps() originalStamps {
	r := clock.New().Read()
	return originalStamps{r.Wall - r.Stamp}
}

func (o originalStamps) stamp(publishTime uint64) topic.Stamp {
	return topic.Stamp(int64(publishTime) - o.offset)
}
