package record

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/shmbus/shmbus/record/mcapfile"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/serde"
)

// Metadata keys of the original names that a replay changed. The replay announces them with its publishers. A recording of
// the replay has them in the metadata of the channel.
const (
	keyOriginalTopic = "shmbus.original_topic"
	keyOriginalType  = "shmbus.original_type"
	// keyOriginalMetadata is the metadata of the recorded channel that is not of this format, as JSON.
	keyOriginalMetadata = "shmbus.original_metadata"
)

// A replayTopic is a topic that is played.
type replayTopic struct {
	recorded string
	played   string
	messages uint64
	bytes    uint64
	latched  bool // at least one of its streams is latched
	streams  []*replayStream
	nextEnd  uint64 // log time after which a publisher may have to be closed
}

// A replayStream holds the messages of a topic with the same type and latched flag. Any of its publishers may publish any
// of them.
type replayStream struct {
	topic         *replayTopic
	kind          serde.Type // what is announced
	latched       bool
	key           func(payload []byte) string // nil without keys
	metadata      map[string]string           // what is announced
	messages      uint64                      // in the recording
	left          uint64                      // remaining messages of this pass
	largest       uint64                      // bytes of payload
	channels      []*mcapfile.ChannelPlan
	publishers    []*replayPublisher // open publishers
	maxPublishers int                // limit of open publishers
	stepped       bool               // a message was waited for in lock-step
}

// A streamSet holds all streams of a replay.
type streamSet struct {
	topics   map[string]*replayTopic // by recorded name
	streams  []*replayStream         // by order of appearance
	channels map[*mcapfile.Channel]*replayChannel
	mappings []Mapping
}

// A replayChannel is the player's view of a channel.
type replayChannel struct {
	stream *replayStream
	plan   *mcapfile.ChannelPlan
}

// newStreamSet groups the channels of a recording into streams.
func newStreamSet(channels []mcapfile.ChannelPlan, names *nameMap, o *PlayOptions) *streamSet {
	s := &streamSet{topics: make(map[string]*replayTopic), channels: make(map[*mcapfile.Channel]*replayChannel)}
	sums := make(map[*byte][sha256.Size]byte) // channels with the same schema share its bytes
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
			if o.Key != nil {
				st.key = o.Key(c.Topic, st.kind)
				st.latched = st.latched || st.key != nil
			}
			st.topic.latched = st.topic.latched || st.latched
			byKey[key] = st
		}
		st.channels = append(st.channels, c)
		st.messages += c.Messages
		st.largest = max(st.largest, c.Largest)
		s.channels[c.Channel] = &replayChannel{st, c}
	}
	for _, st := range s.streams {
		st.limitPublishers((registry.MaxSchemas - schemas) / len(s.streams))
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
			if _, asked := o.Rename[c.Topic]; !asked && registry.CheckTopic(c.Topic) != nil {
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
	if n := announceMetadata(st.metadata, c.Metadata); n > 0 {
		changed("metadata", strconv.Itoa(n)+" bytes", "", fmt.Sprintf("names and metadata of a publisher have at most %d bytes together", registry.MaxMetadata))
	}
	s.streams, t.streams = append(s.streams, st), append(t.streams, st)
	return st
}

func brokenRule(topic string) string {
	if err, ok := registry.CheckTopic(topic).(*registry.NameError); ok {
		return err.Rule
	}
	return ""
}

// originalNames returns the metadata with the original names of the topic and the type: those of the recording or, for a
// recording of a replay, those of the recording that was replayed.
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

// announceMetadata adds the metadata of a channel of another tool. It returns the number of bytes of what does not fit.
func announceMetadata(to, recorded map[string]string) (tooLarge int) {
	foreign := make(map[string]string)
	for k, v := range recorded {
		if !strings.HasPrefix(k, "shmbus.") {
			foreign[k] = v
		}
	}
	if len(foreign) == 0 {
		return 0
	}
	js, err := json.Marshal(foreign)
	if err != nil {
		return 0 // text always has a JSON form
	}
	size := len(keyOriginalMetadata) + len(js)
	for k, v := range to {
		size += len(k) + len(v)
	}
	if size > registry.MaxMetadata || !isPlain(string(js)) {
		return len(js)
	}
	to[keyOriginalMetadata] = string(js)
	return 0
}

// maxOriginal bounds the bytes of an announced original name, so that the names of topic and type together fit into
// registry.MaxMetadata.
const maxOriginal = 450

// announced makes a name valid for metadata: invalid bytes are escaped as in Go, and a name that is too long is cut.
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

// maxSeparatePublishers limits the separate publishers of a stream for recorded publishers that existed at the same time.
// Further ones share publishers. Latched streams have no such limit, because each publisher keeps a sample of its own.
const maxSeparatePublishers = 64

// limitPublishers sets the maximum number of publishers of the stream. The schemas of all but the first must fit into the
// given number of bytes.
func (st *replayStream) limitPublishers(schemas int) {
	st.maxPublishers = maxSeparatePublishers
	if st.latched {
		st.maxPublishers = registry.MaxEndpoints
	}
	if n := len(st.kind.Schema); n > 0 {
		st.maxPublishers = min(st.maxPublishers, 1+schemas/n)
	}
}

// needed returns the number of publishers for sources that existed at the same time, as far as it is known before the
// messages are read: from the first and last messages of channels that are publishers of their own.
func (st *replayStream) needed() int {
	var holders []*replaySource
	channels := slices.Clone(st.channels)
	slices.SortStableFunc(channels, func(a, b *mcapfile.ChannelPlan) int { return cmp.Compare(a.First, b.First) })
	for _, c := range channels {
		if c.Metadata[keyStream] != "" {
			continue
		}
		src := presumedSource(&replayChannel{st, c})
		i := slices.IndexFunc(holders, func(holder *replaySource) bool { return holder.replacedBy(src, c.First) })
		switch {
		case i >= 0:
			holders[i] = src
		case len(holders) < st.maxPublishers:
			holders = append(holders, src)
		}
	}
	return max(len(holders), 1)
}
