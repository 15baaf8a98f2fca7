package record

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/shmbus/shmbus/record/mcapfile"
	"github.com/shmbus/shmbus/serde"
)

// RecordOptions: the zero value records every topic into one file until the context ends and never delays a publisher.
type RecordOptions struct {
	// Topics and Include select topics by name and by expression; without both, all are selected. Exclude wins. Types are selected when the
	// first message of a publisher comes.
	Topics       []string
	Include      *regexp.Regexp // nil = none besides Topics
	Exclude      *regexp.Regexp // nil = none
	IncludeTypes *regexp.Regexp // names of types; nil = all
	ExcludeTypes *regexp.Regexp // nil = none
	// NoServices leaves out the calls of services and the goals. Otherwise Topics, Include and Exclude select services by name too, and the
	// types are those of the values of requests and responses. Throttles do not apply to them.
	NoServices bool

	Duration time.Duration // length of the recording; 0 = until the context ends
	Lossless bool          // publishers wait for the recorder instead of overwriting
	Force    bool          // replace an existing file; not of numbered parts
	Paused   bool          // begin with a pause

	// Compression, Level (0 = fastest) and ChunkSize (bytes before compression, default 1 MiB) are those of the file. A chunk is written when
	// it is full, or ChunkAge after its first message, default 500 ms: after a kill, older messages are in the file.
	Compression mcapfile.Compression
	Level       int
	ChunkSize   int
	ChunkAge    time.Duration
	// SyncInterval is the time between two fsyncs of the file. A power failure loses at most the data of this time. 0 =
	// only at the end; the kernel decides in between (usually within 30 s).
	SyncInterval time.Duration
	// Cache bounds the memory in bytes for messages that wait to be written, default 64 MiB. Overflow says what happens beyond: the samples
	// wait in the rings of their publishers, which overwrite the oldest ones (default), or the recorder drops its newest or oldest chunk.
	Cache    int64
	Overflow mcapfile.Overflow

	// Numbered writes parts, drive-0001.mcap and so on for drive.mcap, and continues the numbers of existing ones. A part ends at SplitSize
	// bytes or after SplitDuration, of which each implies Numbered, and with Recorder.Split. Each is complete: it begins with the schemas and
	// the newest message of each latched publisher.
	Numbered      bool
	SplitSize     int64
	SplitDuration time.Duration
	// Key is as in PlayOptions: the newest message of each key of a latched publisher is repeated, and recorded after a pause. A recorder
	// cannot see which key a publisher gave a sample.
	Key func(topic string, kind serde.Type) func(payload []byte) string
	// KeepSize and KeepDuration delete the oldest parts, also of earlier recordings under the same name, when all have more bytes together,
	// or ended longer ago. 0 = all are kept.
	KeepSize     int64
	KeepDuration time.Duration
	// MinFree is the number of bytes that stay free on the disk. Below it the recording ends with a *MinFreeError. With DeleteOldest the
	// oldest parts are deleted first, also when the disk is full.
	MinFree      int64
	DeleteOldest bool

	Trigger *TriggerOptions // nil = record from the beginning on

	Throttles []Throttle
	// Redact changes payloads before they are recorded. It may change the payload in place, a copy, and returns what is recorded. It runs on
	// the recorder's goroutine, and must not keep the payload.
	Redact func(topic string, t serde.Type, payload []byte) []byte

	Metadata    map[string]string     // of the user; each part begins with it
	Attachments []mcapfile.Attachment // each part begins with them

	// Started is called once, when the recorder has subscribed: samples published after that are recorded.
	Started func()
	// Progress is called about once a second on a goroutine of its own, and not after Record has returned.
	Progress func(Status)
}

// TriggerOptions let a recorder keep messages in memory, and write a part only when there is a trigger: Recorder.Trigger, or a message on
// one of Topics. A part holds the messages of Before the trigger and After it. Nothing is written before the first trigger.
//
// A trigger while a part is being written makes it longer. A part is complete when its time After is over, so that it is safe on the disk,
// and no message is written twice: a trigger within Before of that end begins a part that continues the one before, in which the
// beginning of its time Before is. Summary.Joined counts such parts, and their metadata says so.
type TriggerOptions struct {
	Before time.Duration // default 10 s
	After  time.Duration // default 0
	// Bytes bounds the memory for the messages before a trigger, in addition to Cache; default 256 MiB. If they need more, the oldest are
	// discarded.
	Bytes int64
	// Topics are those whose messages are triggers, except in a pause; nil = none. Such a topic need not be one that is recorded, and a message
	// that a throttle leaves out is a trigger too. The messages of latched publishers from before the recording are no triggers.
	Topics *regexp.Regexp
}

const (
	defaultCache         = 64 << 20
	defaultTriggerBytes  = 256 << 20
	defaultTriggerBefore = 10 * time.Second
)

// Check returns an error for options that Start refuses.
func (o *RecordOptions) Check() error {
	_, err := o.checked()
	return err
}

func (o *RecordOptions) checked() (RecordOptions, error) {
	var c RecordOptions
	if o != nil {
		c = *o
	}
	if c.Duration < 0 || c.SyncInterval < 0 || c.ChunkSize < 0 || c.ChunkAge < 0 {
		return c, errors.New("record: a duration, sync interval, chunk size or chunk age is negative")
	}
	if c.Cache < 0 || c.SplitSize < 0 || c.SplitDuration < 0 || c.KeepSize < 0 || c.KeepDuration < 0 || c.MinFree < 0 {
		return c, errors.New("record: a limit of the cache, of parts or of the disk is negative")
	}
	if c.Cache == 0 {
		c.Cache = defaultCache
	}
	c.Numbered = c.Numbered || c.SplitSize > 0 || c.SplitDuration > 0 || c.Trigger != nil
	if !c.Numbered && (c.KeepSize > 0 || c.KeepDuration > 0 || c.DeleteOldest) {
		return c, errors.New("record: only parts can be deleted, and the recording is one file; let it be split")
	}
	if c.KeepSize > 0 && c.SplitSize > c.KeepSize/2 {
		return c, fmt.Errorf("record: of parts of %d bytes not even two fit into the %d bytes that are to be kept; make the parts smaller", c.SplitSize, c.KeepSize)
	}
	if c.Lossless && c.Overflow != "" && c.Overflow != mcapfile.Wait {
		return c, errors.New("record: a lossless recording drops nothing; leave the overflow out")
	}
	for i := range c.Throttles {
		if err := c.Throttles[i].check(); err != nil {
			return c, err
		}
	}
	if c.Trigger != nil {
		t := *c.Trigger
		c.Trigger = &t
		if t.Before < 0 || t.After < 0 || t.Bytes < 0 {
			return c, errors.New("record: a time or size of a trigger is negative")
		}
		if t.Before == 0 {
			c.Trigger.Before = defaultTriggerBefore
		}
		if t.Bytes == 0 {
			c.Trigger.Bytes = defaultTriggerBytes
		}
	}
	if err := c.writerOptions().Check(); err != nil {
		return c, fmt.Errorf("record: %w", err)
	}
	return c, nil
}

// MemoryLimit returns a limit for debug.SetMemoryLimit in a program that only records: the cache, the memory before a trigger, and 48 MiB for
// the rest. Without it, garbage may take as much again.
func (o *RecordOptions) MemoryLimit() int64 {
	limit := cmp.Or(o.Cache, defaultCache) + 48<<20
	if o.Trigger != nil {
		limit += cmp.Or(o.Trigger.Bytes, defaultTriggerBytes)
	}
	return limit
}

// latencyBudget spares publishers the wake-ups of the recorder, which needs no low latency: messages carry their time of publishing. A
// lossless recorder wakes at once, because publishers wait for it.
func (o *RecordOptions) latencyBudget() time.Duration {
	if o.Lossless {
		return 0
	}
	return 20 * time.Millisecond
}

// writerOptions are the options of the file.
func (o *RecordOptions) writerOptions() *mcapfile.WriterOptions {
	w := &mcapfile.WriterOptions{
		Compression: o.Compression, Level: o.Level, ChunkSize: o.ChunkSize, ChunkAge: o.ChunkAge, SyncInterval: o.SyncInterval,
		Queue: int(o.Cache), Overflow: o.Overflow, Library: library(), Repeat: o.Numbered,
	}
	if o.Trigger != nil {
		w.Queue += int(o.Trigger.Bytes)
	}
	return w
}
