package record

import "time"

// A Summary is the result of Record or Play. It is filled in also if they return an error.
type Summary struct {
	Path     string `json:"path"`
	Messages uint64 `json:"messages"`
	Bytes    uint64 `json:"bytes"` // payload
	Lost     uint64 `json:"lost"`  // Record: samples that are not in the file
	// Parts of Lost. TooLarge: messages larger than mcapfile.MaxMessage. NoChannel: messages for which there was no room
	// for another channel. Dropped: by the recorder, as RecordOptions.Overflow says, or because the disk was full. DroppedEnded: samples of
	// ended publishers beyond the memory limit of the subscription. The rest was overwritten before it was received.
	TooLarge     uint64 `json:"too_large,omitempty"`
	NoChannel    uint64 `json:"no_channel,omitempty"`
	Dropped      uint64 `json:"dropped,omitempty"`
	DroppedEnded uint64 `json:"dropped_ended,omitempty"`
	// Throttled counts the messages that were left out as RecordOptions.Throttles say; Record only.
	Throttled uint64 `json:"throttled,omitempty"`
	// Before is what the shortest part has of the time before its trigger, if TriggerOptions.Bytes was too small for all of it; Record only.
	Before time.Duration `json:"before_ns,omitempty"`
	// Joined counts the parts whose time before the trigger begins in the part before them, as TriggerOptions say; Record only.
	Joined int `json:"joined,omitempty"`
	// TriggerPublishers counts the publishers of topics that match TriggerOptions.Topics; Record only.
	TriggerPublishers int `json:"trigger_publishers,omitempty"`
	// Files are the complete files of a recording, and Deleted the number of parts that were deleted; Record only.
	Files    []string       `json:"files,omitempty"`
	Deleted  int            `json:"deleted,omitempty"`
	Duration time.Duration  `json:"duration_ns"`
	FileSize int64          `json:"file_size"` // bytes
	Topics   []TopicSummary `json:"topics"`    // sorted by name
	// Spacing is the difference between planned and actual intervals of two messages; Play only, zero with Max.
	Spacing Spacing `json:"spacing,omitzero"`
	// Lateness says by how much messages were late; Play only, zero with Max.
	Lateness Lateness `json:"lateness,omitzero"`
	// Skipped counts the messages that were not played, because they were late; Play with LateSkip only.
	Skipped uint64 `json:"skipped,omitempty"`
	// Starved counts how often the player had to wait for the file; Play only.
	Starved uint64 `json:"starved,omitempty"`
	// Loops counts complete passes over the file; Play only.
	Loops uint64 `json:"loops,omitempty"`
	// Mapped lists what was played differently from the recording; Play only.
	Mapped []Mapping `json:"mapped,omitempty"`
	// Services say what became of the requests that were sent again, and LeftOut names the services in the files that were not played; Play
	// only.
	Services []ServiceSummary `json:"services,omitempty"`
	LeftOut  []string         `json:"services_left_out,omitempty"`
	// Damage describes the unreadable part of the file, nil if there is none; Play only.
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
	// Parts of Lost, as in Summary.
	TooLarge  uint64 `json:"too_large,omitempty"`
	NoChannel uint64 `json:"no_channel,omitempty"`
	Dropped   uint64 `json:"dropped,omitempty"`
	Throttled uint64 `json:"throttled,omitempty"`
}
