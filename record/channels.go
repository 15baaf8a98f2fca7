package record

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"

	"github.com/shmbus/shmbus/internal/errdefs"
	"github.com/shmbus/shmbus/record/mcapfile"
)

// A channel holds the messages of all publishers with the same channelKey.
type channel struct {
	*mcapfile.Channel
	key    channelKey
	stream string
	next   uint64 // the first sequence number outside all ranges
}

// A channelKey holds the common properties of the publishers of a channel.
type channelKey struct {
	topic, name, encoding, schemaEncoding string
	schema                                [sha256.Size]byte
	latched                               bool
	throttled                             string
	originalTopic, originalType           string // of a replay under other names
}

// A channelTable holds the channels of a recording.
type channelTable struct {
	w     *mcapfile.Writer
	name  string // random name of the recording: files may be merged
	byKey map[channelKey]*channel
	made  int
}

func newChannelTable(w *mcapfile.Writer) channelTable {
	var name [4]byte
	rand.Read(name[:])
	return channelTable{w: w, name: hex.EncodeToString(name[:]), byKey: make(map[channelKey]*channel)}
}

// of returns the channel for a publisher, nil if the file has no room for another one.
func (c *channelTable) of(d *description) (*channel, error) {
	key := channelKey{
		topic: d.topic, name: d.kind.Name, encoding: d.kind.Encoding, schemaEncoding: d.kind.SchemaEncoding,
		schema: sha256.Sum256(d.kind.Schema), latched: d.latched, throttled: d.throttled,
		originalTopic: d.metadata[keyOriginalTopic], originalType: d.metadata[keyOriginalType],
	}
	if ch := c.byKey[key]; ch != nil {
		return ch, nil
	}
	metadata := map[string]string{keyEncoding: d.kind.Encoding}
	if d.latched {
		metadata[keyLatched] = "true"
	}
	if d.throttled != "" {
		metadata[keyThrottle] = d.throttled
	}
	addAnnounced(metadata, d.metadata)
	if d.service != "" {
		metadata[keyService], metadata[keyRole] = d.service, d.role
		if d.unit != "" {
			metadata[keyUnit] = d.unit
		}
	}
	if d.goals {
		metadata[keyGoals] = "true"
	}
	return c.add(key, &mcapfile.Channel{
		Topic: d.topic, Encoding: d.kind.Encoding, SchemaName: d.kind.Name, SchemaEncoding: d.kind.SchemaEncoding,
		Schema: bytes.Clone(d.kind.Schema), Metadata: metadata,
	})
}

// successor returns the channel that continues a channel whose sequence numbers are used up, nil if there is no room for
// it.
func (c *channelTable) successor(ch *channel) (*channel, error) {
	if newest := c.byKey[ch.key]; newest != ch {
		return newest, nil
	}
	return c.add(ch.key, ch.Channel)
}

func (c *channelTable) add(key channelKey, like *mcapfile.Channel) (*channel, error) {
	ch := &channel{key: key, stream: fmt.Sprintf("%s.%d", c.name, c.made)}
	definition := *like
	definition.Metadata = maps.Clone(like.Metadata)
	definition.Metadata[keyStream] = ch.stream
	var err error
	ch.Channel, err = c.w.AddChannel(definition)
	if errors.As(err, new(*errdefs.LimitError)) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	c.made++
	c.byKey[key] = ch
	return ch, nil
}
