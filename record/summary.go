package record

import "time"

// A Summary says what Record or Play did. It is filled in as far as they came, also when they return an error.
type Summary struct {
	Path     string `json:"path"`
	Messages uint64 `json:"messages"`
	Bytes    uint64 `json:"bytes"` // payload
	Lost     uint64 `json:"lost"`  // Record: not in the file
	// Of Lost, those that the file could not take: there was no room for another channel, or they were larger than
	// mcapfile.MaxMessage. The rest was overwritten before it could be taken.
	TooLarge  uint64         `json:"too_large,omitempty"`
	NoChannel uint64         `json:"no_channel,omitempty"`
	Duration  time.Duration  `json:"duration_ns"`
	FileSize  int64          `json:"file_size"` // bytes
	Topics    []TopicSummary `json:"topics"`    // sorted by name
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
	// Of Lost, as in Summary.
	TooLarge  uint64 `json:"too_large,omitempty"`
	NoChannel uint64 `json:"no_channel,omitempty"`
}
