package record

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/shmbus/shmbus/record/mcapfile"
	"github.com/shmbus/shmbus/serde"
)

// Keys of the metadata of a channel.
const (
	keyEncoding = "shmbus.encoding"
	keyLatched  = "shmbus.latched"  // "true"; else absent
	keyStream   = "shmbus.stream"   // the channel's name in the records about publishers
	keyThrottle = "shmbus.throttle" // what was left out on purpose; then the sequence numbers do not count it

	// Keys of the channels of a service.
	keyService = "shmbus.service"      // its name
	keyRole    = "shmbus.service_role" // roleRequest, roleResponse, roleFeedback or roleCalls
	keyGoals   = "shmbus.goals"        // "true" for the requests of goals; else absent

	// Keys in recordings with one channel for each publisher. keyUnit is also that of the server of a service that has its
	// participant in its name, at the responses.
	keyPublisher  = "shmbus.publisher"
	keyUnit       = "shmbus.unit"
	keyExecutable = "shmbus.executable"
)

// The metadata record with the counters of a recording, written at its end.
const (
	statsName     = "shmrec.stats"
	statsMessages = "messages"
	statsLost     = "lost"
	statsDropped  = "dropped" // by the recorder, a part of lost
	statsTopics   = "topics"  // JSON: topic -> topicStats
)

type topicStats struct {
	Messages uint64 `json:"messages"`
	Lost     uint64 `json:"lost"`
	Dropped  uint64 `json:"dropped,omitempty"`
}

// addAnnounced adds the metadata that a publisher announced to the metadata of a channel. Keys of the recording format are
// excluded, except those of a replay.
func addAnnounced(metadata, announced map[string]string) {
	for k, v := range announced {
		if !strings.HasPrefix(k, "shmbus.") || k == keyOriginalTopic || k == keyOriginalType {
			metadata[k] = v
		}
	}
	var original map[string]string
	if json.Unmarshal([]byte(announced[keyOriginalMetadata]), &original) != nil {
		return // not of a replay
	}
	for k, v := range original {
		if !strings.HasPrefix(k, "shmbus.") {
			metadata[k] = v
		}
	}
}

// typeOf returns the type of a channel's messages.
func typeOf(c *mcapfile.Channel) serde.Type {
	return serde.Type{Name: c.SchemaName, Encoding: c.Encoding, SchemaEncoding: c.SchemaEncoding, Schema: c.Schema}
}

// sameType compares two types. It is cheap if both schemas share the same memory.
func sameType(a, b serde.Type) bool {
	return a.Name == b.Name && a.Encoding == b.Encoding && a.SchemaEncoding == b.SchemaEncoding && bytes.Equal(a.Schema, b.Schema)
}
