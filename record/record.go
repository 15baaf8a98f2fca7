package record

import (
	"context"
	"regexp"
	"time"

	"github.com/shmbus/shmbus/topic"
)

// RecordOptions: the zero value records every topic until the context ends and slows nobody.
type RecordOptions struct {
	Include  *regexp.Regexp // record topics that match; nil = all
	Exclude  *regexp.Regexp // but not these; nil = none
	Duration time.Duration  // end by itself after this long; 0 = when the context ends
	Lossless bool           // publishers wait for the recorder instead of overwriting
	Force    bool           // replace an existing file
	// SyncInterval is how often the file is forced to the disk (fsync), so that a power failure loses no more than that;
	// 0 = only at the end, and the kernel decides in between (usually within 30 s).
	SyncInterval time.Duration
	ChunkSize    int // bytes before compression; default 1 MiB
	// Started is called once, when the recorder is subscribed: what is published from then on is recorded.
	Started func()
	// Progress is called about once a second, from the recorder's goroutine; it must not block.
	Progress func(Progress)
}

// Progress is a figure for the impatient.
type Progress struct {
	Elapsed  time.Duration
	Messages uint64
	Bytes    uint64 // payload
	Lost     uint64 // Record
	Topics   int
	// Total is the number of messages to play (one pass), 0 for Record.
	Total uint64
	// Next is how long until the next message is due; Play only.
	Next time.Duration
}

// Record writes what is published in p's domain to a new MCAP file at path until ctx ends or opts.Duration is over, then
// takes what was published before that moment, closes the file and returns nil: the end of ctx is the way to stop.
//
// An existing file is refused (fs.ErrExist) unless opts.Force is set. When the file cannot be written any more (a full
// disk) Record ends with a *mcapfile.WriteError; what was written before stays readable.
func Record(ctx context.Context, p *topic.Participant, path string, opts *RecordOptions) (Summary, error) {
	panic("stub")
}
