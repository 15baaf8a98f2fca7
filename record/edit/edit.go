// Package edit writes recordings from recordings: it leaves out topics and times, joins files, changes the compression, and saves what can
// be read of a damaged file.
//
// Payloads, times, sequence numbers, schemas, channels with their metadata, attachments and metadata records are kept as they are, from
// files of any tool. The order is that of the file; files that overlap in time are merged by log time. The same recordings and options make
// the same file.
package edit

import (
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/shmbus/shmbus/record"
	"github.com/shmbus/shmbus/record/mcapfile"
	"github.com/shmbus/shmbus/serde"
)

// A Source is a recording that is read.
type Source struct {
	Path string
	// Offset is added to all times of the recording. If that leads before 1970, it is a *record.OffsetError.
	Offset time.Duration
}

// Options: the zero value keeps everything. The expressions apply to topic names, Types to type names.
type Options struct {
	Topics  *regexp.Regexp // keep topics that match, and services by their names; nil = all
	Exclude *regexp.Regexp // but not these; nil = none
	Types   *regexp.Regexp // keep topics of matching types, and no services; nil = all
	List    []string       // keep these topics; nil = all
	// Start and End limit the log time: messages from Start on and before End; zero = no limit.
	Start, End time.Time
	// StartElapsed and EndElapsed do the same by the time since the first message on the chosen topics; EndElapsed 0 = no limit.
	StartElapsed, EndElapsed time.Duration
	// NoLatched leaves out what is before the start also of latched topics. Otherwise the newest earlier message of each of their
	// publishers is kept, with the log time of the start: what a recorder that starts then would have received. In files that do not tell
	// publishers apart, as of ROS 2, a channel counts as one: Key can keep more.
	NoLatched bool
	// Key is as in record.PlayOptions: the newest earlier message of each key is kept. Nil = no topic has keys.
	Key func(topic string, kind serde.Type) func(payload []byte) string

	Compression mcapfile.Compression // default mcapfile.Zstd
	Level       int                  // of the compression, 1 = fastest; 0 = 1
	ChunkSize   int                  // bytes before compression, at most a quarter of Memory; default 1 MiB
	// Memory is the number of bytes for reading and writing; 0 = mcapfile.DefaultMemory. A message of more than an eighth of it is left out
	// as damage.
	Memory uint64
	// Progress gets the part that is done, from 0 to 1, often, on the goroutine of the caller.
	Progress func(float64)
}

// A Result says what was written.
type Result struct {
	Messages    uint64 `json:"messages"`
	Bytes       uint64 `json:"bytes"` // payload
	Topics      int    `json:"topics"`
	Latched     uint64 `json:"latched,omitempty"`  // of Messages: earlier messages of latched topics
	Repeated    uint64 `json:"repeated,omitempty"` // messages left out because an earlier part has them
	Attachments uint64 `json:"attachments"`
	Metadata    uint64 `json:"metadata"`
	LeftOut     uint64 `json:"left_out,omitempty"` // other records: schemas without a channel, and those of types that applications use for themselves
	FileSize    int64  `json:"file_size"`          // bytes
	// Missing are the topics of Options.List that no recording has. If none of them is there, that is a *record.NoTopicError instead.
	Missing []string `json:"missing,omitempty"`
	// Damage describes what could not be read, nil if there is nothing.
	Damage error `json:"-"`
}

// Shares of Options.Memory.
const (
	readShare  = 4 // one recording that is read: half of it is for a message
	mergeShare = 2 // all recordings that are merged
	chunkShare = 4 // a chunk before it is compressed, and as much for what it becomes
)

func (o *Options) checked() (Options, error) {
	var c Options
	if o != nil {
		c = *o
	}
	if c.Memory == 0 {
		c.Memory = mcapfile.DefaultMemory
	}
	switch {
	case c.StartElapsed < 0 || c.EndElapsed < 0:
		return c, errors.New("a time since the beginning must not be negative")
	case !c.Start.IsZero() && !c.End.IsZero() && !c.Start.Before(c.End), c.EndElapsed > 0 && c.StartElapsed >= c.EndElapsed:
		return c, errors.New("the end must be after the start")
	case !c.End.IsZero() && record.LogTimeOf(c.End) == 0:
		return c, errors.New("the end must be after 1970")
	case c.ChunkSize < 0:
		return c, fmt.Errorf("a chunk of %d bytes is none", c.ChunkSize)
	case uint64(c.ChunkSize) > c.Memory/chunkShare:
		return c, fmt.Errorf("a chunk of %d bytes is more than a quarter of the memory of %d bytes; allow more (--memory), or choose smaller chunks", c.ChunkSize, c.Memory)
	}
	return c, c.rewriter("").Check()
}

func (o *Options) rewriter(profile string) *mcapfile.RewriterOptions {
	return &mcapfile.RewriterOptions{Compression: o.Compression, Level: o.Level, ChunkSize: o.ChunkSize, Profile: profile}
}

// bounded reports whether the options limit the time.
func (o *Options) bounded() bool {
	return !o.Start.IsZero() || !o.End.IsZero() || o.StartElapsed > 0 || o.EndElapsed > 0
}

// keeps reports whether the messages of a channel are kept.
func (o *Options) keeps(c *mcapfile.Channel) bool {
	name := record.ChosenName(c)
	if o.Topics != nil && !o.Topics.MatchString(name) || o.Exclude != nil && o.Exclude.MatchString(name) ||
		o.Types != nil && (name != c.Topic || !o.Types.MatchString(c.SchemaName)) {
		return false
	}
	if o.List == nil {
		return true
	}
	for _, topic := range o.List {
		if topic == name {
			return true
		}
	}
	return false
}
