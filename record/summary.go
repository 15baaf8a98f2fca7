package record

import "time"

// A Summary says what Record or Play did. It is filled in as far as they came, also when they return an error.
type Summary struct {
	Path     string         `json:"path"`
	Messages uint64         `json:"messages"`
	Bytes    uint64         `json:"bytes"`             // payload
	Lost     uint64         `json:"lost"`              // Record: overwritten before they could be taken, or dropped
	Dropped  uint64         `json:"dropped,omitempty"` // Record: of those lost, given up with publishers that ended, beyond the memory limit
	Duration time.Duration  `json:"duration_ns"`
	FileSize int64          `json:"file_size"` // bytes
	Topics   []TopicSummary `json:"topics"`    // sorted by name
	// Spacing is how far the time between two messages was off the plan; Play only, zero at Max.
	Spacing Spacing `json:"spacing"`
	// Loops counts complete passes over the file; Play only.
	Loops uint64 `json:"loops,omitempty"`
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
}
