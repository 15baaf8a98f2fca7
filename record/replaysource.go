package record

import (
	"math"

	"github.com/shmbus/shmbus/record/mcapfile"
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

// sourceKey identifies a source. A hostile file may name one publisher in several channels.
type sourceKey struct {
	channel   *mcapfile.Channel
	publisher *recordedPublisher // nil = unknown, or the only one of the channel
}

// source returns the source of a message.
func (pl *player) source(m *mcapfile.Message) *replaySource {
	c := pl.set.channels[m.Channel]
	key := sourceKey{channel: m.Channel}
	if m.Channel.Metadata[keyStream] != "" {
		if p, _ := pl.attribution.publisher(m); p.ID != "" {
			key.publisher = p
		}
	}
	src := pl.sources[key]
	if src != nil {
		return src
	}
	if key.publisher == nil {
		src = presumedSource(c)
	} else {
		src = &replaySource{stream: c.stream, ended: key.publisher.Ended}
		if src.ended == 0 {
			src.ended = math.MaxUint64
		}
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
