package record

import "time"

// A Difference says how two recordings differ.
type Difference struct {
	Equal    bool              `json:"equal"`
	Messages uint64            `json:"messages"`        // in the first recording
	First    string            `json:"first,omitempty"` // the first difference in words, "" when there is none
	Topics   []TopicDifference `json:"topics"`          // sorted by name
	Spacing  Spacing           `json:"spacing"`         // over all topics
	// Inversions counts neighbours of the first recording, different in log time, that are the other way round in the
	// second by its publish times and its log times both.
	Inversions uint64 `json:"inversions"`
}

// A TopicDifference is the part of a Difference that concerns one topic.
type TopicDifference struct {
	Topic string `json:"topic"`
	A     uint64 `json:"a"` // messages in the first recording
	B     uint64 `json:"b"` // messages in the second
	Equal bool   `json:"equal"`
	// How the time between consecutive messages, by log time, differs between the two recordings.
	SpacingP50 time.Duration `json:"spacing_p50_ns"`
	SpacingP99 time.Duration `json:"spacing_p99_ns"`
	SpacingMax time.Duration `json:"spacing_max_ns"`
}

// Compare reads two recordings and tells whether they hold the same messages: the same topics, of the same types, with the
// same bytes in the same order from each publisher, and in the same order overall where log times differ. Times themselves
// are not compared, only reported. It keeps about 40 bytes in memory per message. A file that is damaged or was not closed
// is compared as far as it can be read, and is not equal to anything.
func Compare(a, b string) (Difference, error) {
	panic("stub")
}
