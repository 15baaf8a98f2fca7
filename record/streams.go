package record

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/shmbus/shmbus/record/mcapfile"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/serde"
)

// Keys of the metadata with the names from before a replay changed them. The replay announces them with its publishers, and a
// recording of it has them in the metadata of the channel.
const (
	keyOriginalTopic = "shmbus.original_topic"
	keyOriginalType  = "shmbus.original_type"
)

// A replayTopic is a topic that is played.
type replayTopic struct {
	recorded string
	played   string
	messages uint64
	bytes    uint64
	latched  bool // a stream of it is
	streams  []*replayStream
	nextEnd  uint64 // log time behind which a publisher may have to be closed
}

// A replayStream is the messages of a topic that have one type and are all latched or all not. Each of its publishers may
// publish any of them.
type replayStream struct {
	topic      *replayTopic
	kind       serde.Type // what is announced
	latched    bool
	metadata   map[string]string // what is announced
	messages   uint64            // in the recording
	left       uint64            // messages still to come in this pass
	largest    uint64            // bytes of payload
	channels   []*mcapfile.ChannelPlan
	publishers []*replayPublisher // that are open
	seats      int                // how many publishers there may be at most
}

// A streamSet is all streams of a replay.
type streamSet struct {
	topics   map[string]*replayTopic // by recorded name
	streams  []*replayStream         // by order of appearance
	channels map[*mcapfile.Channel]*replayChannel
	mappings []Mapping
}

// A replayChannel is what the player needs to know of a channel.
type replayChannel struct {
	stream *replayStream
	plan   *mcapfile.ChannelPlan
}

// newStreamSet sorts the channels of a recording.
func newStreamSet(channels []mcapfile.ChannelPlan, names *nameMap, o *PlayOptions) *streamSet {
	s := &streamSet{topics: make(map[string]*replayTopic), channels: make(map[*mcapfile.Channel]*replayChannel)}
	sums := make(map[*byte][sha256.Size]byte) // channels of one schema share its bytes
	byKey := make(map[channelKey]*replayStream)
	schemas := 0
	for i := range channels {
		c := &channels[i]
		key := channelKey{topic: c.Topic, name: c.SchemaName, encoding: c.Encoding, schemaEncoding: c.SchemaEncoding}
		key.latched = isLatched(c.Channel) || o.Latched != nil && o.Latched.MatchString(c.Topic)
		if len(c.Schema) > 0 {
			sum, ok := sums[&c.Schema[0]]
			if !ok {
				sum = sha256.Sum256(c.Schema)
				sums[&c.Schema[0]] = sum
			}
			key.schema = sum
		}
		st := byKey[key]
		if st == nil {
			st = s.newStream(c, names, o, &schemas)
			st.latched = key.latched
			st.topic.latched = st.topic.latched || key.latched
			byKey[key] = st
		}
		st.channels = append(st.channels, c)
		st.messages += c.Messages
		st.largest = max(st.largest, c.Largest)
		s.channels[c.Channel] = &replayChannel{st, c}
	}
	for _, st := range s.streams {
		st.limitSeats((registry.MaxSchemas - schemas) / len(s.streams))
	}
	return s
}

func (s *streamSet) newStream(c *mcapfile.ChannelPlan, names *nameMap, o *PlayOptions, schemas *int) *replayStream {
	t := s.topics[c.Topic]
	if t == nil {
		t = &replayTopic{recorded: c.Topic, played: names.names[c.Topic], nextEnd: math.MaxUint64}
		s.topics[c.Topic] = t
		if t.played != t.recorded {
			m := Mapping{Topic: c.Topic, What: "topic", From: c.Topic, To: t.played}
			if _, asked := o.Rename[c.Topic]; !asked {
				m.Rule = brokenRule(c.Topic)
			}
			s.mappings = append(s.mappings, m)
		}
	}
	changed := func(what, from, to, rule string) {
		s.mappings = append(s.mappings, Mapping{Topic: c.Topic, What: what, From: from, To: to, Rule: rule})
	}
	st := &replayStream{topic: t, kind: fitType(typeOf(c.Channel), changed)}
	leaveOut := func(rule string) {
		changed("schema", strconv.Itoa(len(st.kind.Schema))+" bytes", "", rule)
		st.kind.Schema = nil
	}
	switch n := len(st.kind.Schema); {
	case n > registry.MaxSchema:
		leaveOut(fmt.Sprintf("it must have at most %d bytes", registry.MaxSchema))
	case *schemas+n > registry.MaxSchemas:
		leaveOut(fmt.Sprintf("all schemas of a participant must have at most %d bytes together", registry.MaxSchemas))
	default:
		*schemas += n
	}
	st.metadata = originalNames(c.Channel, t.played, st.kind.Name)
	s.streams, t.streams = append(s.streams, st), append(t.streams, st)
	return st
}

func brokenRule(topic string) string {
	if err, ok := registry.CheckTopic(topic).(*registry.NameError); ok {
		return err.Rule
	}
	return ""
}

// originalNames is the metadata that tells others what the topic and the type were called at first: in the recording, or where
// that is a recording of a replay, in the one that was replayed.
func originalNames(c *mcapfile.Channel, topic, kind string) map[string]string {
	m := make(map[string]string)
	for _, n := range []struct{ key, recorded, played string }{
		{keyOriginalTopic, c.Topic, topic}, {keyOriginalType, c.SchemaName, kind},
	} {
		if first, ok := c.Metadata[n.key]; ok {
			m[n.key] = announced(first)
		} else if n.recorded != n.played {
			m[n.key] = announced(n.recorded)
		}
	}
	return m
}

// maxOriginal is how many bytes of an original name are announced, so that a topic's and a type's together keep
// registry.MaxMetadata.
const maxOriginal = 450

// announced makes a name one that metadata may hold: bytes that are no text are escaped as in Go, and what is too long is cut.
func announced(name string) string {
	if !isPlain(name) {
		q := strconv.Quote(cutText(name, maxOriginal))
		name = strings.ReplaceAll(q[1:len(q)-1], `\"`, `"`)
	}
	if len(name) > maxOriginal {
		name = cutText(name, maxOriginal-len("…")) + "…"
	}
	return name
}

// maxApart is how many publishers of one stream are played apart when they were there at the same time. Those beyond share
// publishers. Latched ones do not, because each has a sample of its own to keep.
const maxApart = 64

// limitSeats sets how many publishers the stream may have, when all but the first must keep their schemas within so many bytes.
func (st *replayStream) limitSeats(schemas int) {
	st.seats = maxApart
	if st.latched {
		st.seats = registry.MaxEntities
	}
	if n := len(st.kind.Schema); n > 0 {
		st.seats = min(st.seats, 1+schemas/n)
	}
}

// needed returns how many publishers the stream needs for those that were there at the same time, as far as that is known
// before the messages are read: by the first and last messages of channels that are publishers of their own.
func (st *replayStream) needed() int {
	var holders []*replaySource
	channels := slices.Clone(st.channels)
	slices.SortStableFunc(channels, func(a, b *mcapfile.ChannelPlan) int { return cmp.Compare(a.First, b.First) })
	for _, c := range channels {
		if c.Metadata[keyStream] != "" {
			continue
		}
		src := presumedSource(&replayChannel{st, c})
		i := slices.IndexFunc(holders, func(holder *replaySource) bool { return holder.gone(src, c.First) })
		switch {
		case i >= 0:
			holders[i] = src
		case len(holders) < st.seats:
			holders = append(holders, src)
		}
	}
	return max(len(holders), 1)
}
