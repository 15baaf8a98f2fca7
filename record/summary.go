package record

import "time"

// A Summary says what Record or Play did. It is filled in as far as they came, also when they return an error.
type Summary struct {
	Path     string `json:"path"`
	Messages uint64 `json:"messages"`
	Bytes    uint64 `json:"bytes"` // payload
	Lost     uint64 `json:"lost"`  // Record: not in the file
	// Of Lost, those that were taken but could not be written, because the file has no room for another channel.
	NoChannel uint64 `json:"no_channel,omitempty"`
	// Of Lost, those of publishers that ended, given up beyond the subscription's memory limit. The rest of Lost was overwritten
	// before it could be taken.
	Dropped  uint64         `json:"dropped,omitempty"`
	Duration time.Duration  `json:"duration_ns"`
	FileSize int64          `json:"file_size"` // bytes
	Topics   []TopicSummary `json:"topics"`    // sorted by name
	// Spacing is how far the time between two messages was off the plan; Play only, zero at Max.
	Spacing Spacing `json:"spacing"`
	// Loops counts complete passes over the file; Play only.
	Loops uint64 `json:"loops,omitempty"`
	// Mapped is what was played otherwise than it was recorded; Play only.
	Mapped []Mapping `json:"mapped,omitempty"`
	// Damage says what of the file could not be read, nil when all of it could; Play only.
	Damage error `json:"-"`
}

// A TopicSummary is the part of a Summary that concerns one topic.
type TopicSummary struct {
	Topic    string `json:"topic"`
	Type     string `json:"type"` // name of the (last) type
	Encoding string `json:"encoding"`
	Messages uint64 `json:"messages"`
	Bytes    uint64 `json:"bytes"`
	Lost     uint64 `json:"lost"`
	// NoChannel is of Lost, as in Summary.
	NoChannel uint64 `json:"no_channel,omitempty"`
}
