package record

import (
	"math"

	"github.com/shmbus/shmbus/record/mcapfile"
)

// A replaySource is a publisher as it was recorded.
type replaySource struct {
	stream *replayStream
	// ended is the log time of its last message at the latest; behind that it was gone. MaxUint64 = it was never known to be.
	ended uint64
	// presumed says that ended is only the time of its last message. It may have been there still: of a latched stream, only one
	// with the same identity takes its place.
	presumed bool
	identity string
	by       *replayPublisher // that publishes for it; nil before its first message
}

// sourceKey names a source: a hostile file may name a publisher in several channels.
type sourceKey struct {
	channel   *mcapfile.Channel
	publisher *recordedPublisher // nil = not known, or the channel's only one
}

// source returns where a message came from.
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

// presumedSource is the only publisher of a channel, of which no end was recorded.
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

// gone reports whether next, of which there is a message at log time t, takes the place of s.
func (s *replaySource) gone(next *replaySource, t uint64) bool {
	if s.ended >= t {
		return false
	}
	return !s.presumed || !s.stream.latched || s.identity == next.identity
}
