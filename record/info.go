package record

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shmbus/shmbus/record/mcapfile"
)

// Info describes a recording.
type Info struct {
	Path           string            `json:"path"`
	FileSize       int64             `json:"file_size"` // bytes
	Profile        string            `json:"profile"`
	Library        string            `json:"library"`    // library that wrote the file
	Recordings     int               `json:"recordings"` // number of concatenated recordings in the file, mostly 1
	Closed         bool              `json:"closed"`     // the file has its regular end
	Damage         string            `json:"damage,omitempty"`
	Messages       uint64            `json:"messages"`
	Bytes          uint64            `json:"bytes"`             // payload
	Start          time.Time         `json:"start,omitzero"`    // log time of the first message
	End            time.Time         `json:"end,omitzero"`      // and of the last
	Duration       time.Duration     `json:"duration_ns"`       // between them
	Latency        *Spacing          `json:"latency,omitempty"` // from publishing to recording, of messages with both times; nil if these are less than half
	SequenceGaps   uint64            `json:"sequence_gaps"`     // skipped numbers; for a shmbus publisher each is a missing message
	Lost           *uint64           `json:"lost,omitempty"`
	Attachments    uint64            `json:"attachments"`
	AttachmentList []AttachmentInfo  `json:"attachment_list,omitempty"`
	Metadata       []string          `json:"metadata"` // names of the metadata records, each once
	Chunks         []CompressionInfo `json:"chunks"`   // by compression
	Topics         []TopicInfo       `json:"topics"`   // sorted by name
}

// AttachmentInfo describes an attachment.
type AttachmentInfo struct {
	Name string `json:"name"`
	Type string `json:"media_type"`
	Size uint64 `json:"size"` // bytes
}

// CompressionInfo counts the chunks of one compression.
type CompressionInfo struct {
	Compression  string `json:"compression"` // "none", "zstd", "lz4"
	Chunks       uint64 `json:"chunks"`
	Compressed   uint64 `json:"compressed"` // bytes
	Uncompressed uint64 `json:"uncompressed"`
}

// TopicInfo describes the messages of one type on a topic.
type TopicInfo struct {
	Topic          string          `json:"topic"`
	Type           string          `json:"type"`
	Encoding       string          `json:"encoding"`
	SchemaEncoding string          `json:"schema_encoding"`
	SchemaSize     int             `json:"schema_size"` // bytes
	Publishers     int             `json:"publishers"`
	PublishersGone int             `json:"publishers_gone"` // publishers that ended before the recording
	PublisherList  []PublisherInfo `json:"publisher_list"`  // the first 100
	Units          []string        `json:"units"`           // of the publishers, where known
	Messages       uint64          `json:"messages"`
	Bytes          uint64          `json:"bytes"`
	Smallest       uint64          `json:"smallest"` // bytes of payload
	Largest        uint64          `json:"largest"`
	Start          time.Time       `json:"start,omitzero"`
	End            time.Time       `json:"end,omitzero"`
	Rate           float64         `json:"rate_hz,omitempty"`        // 0 if there is no interval
	LargestGap     time.Duration   `json:"largest_gap_ns,omitempty"` // between two messages, by log time
	LatencyMax     time.Duration   `json:"latency_max_ns,omitempty"` // from publishing to recording
	SequenceGaps   uint64          `json:"sequence_gaps"`

	first, last uint64
	latest      uint64 // log time of the last message in the file
	publishers  map[*recordedPublisher]*PublisherInfo
}

// ReadInfo reads the whole file at path, or the parts in a directory, within the default memory of mcapfile. Damaged parts are skipped and described in
// Damage. The error means that the file cannot be read or is not a recording.
func ReadInfo(path string) (Info, error) { return ReadInfoWithin(path, nil) }

// ReadInfoWithin is ReadInfo with other memory limits. nil means the defaults.
func ReadInfoWithin(path string, limits *mcapfile.Limits) (Info, error) {
	return ReadInfoProgress(path, limits, nil)
}

// ReadInfoProgress is ReadInfoWithin with a function that gets the share of the file that was read, from 0 to 1, often.
func ReadInfoProgress(path string, limits *mcapfile.Limits, progress func(float64)) (Info, error) {
	f, size, err := openRecording(path)
	if err != nil {
		return Info{}, fmt.Errorf("info: %w", err)
	}
	defer f.Close()
	r, err := mcapfile.NewReader(f, size, limits)
	if err != nil {
		return Info{}, fmt.Errorf("info: %s: %w", path, err)
	}
	info := Info{Path: path, FileSize: size}
	var damage *mcapfile.Damage
	from, known := newAttribution(), 0
	topics := make(map[topicKind]*TopicInfo)
	byChannel := make(map[*mcapfile.Channel]*TopicInfo)
	var first, last uint64 = math.MaxUint64, 0
	repeats := f.repeats()
	latency, timed := newSpacing(), uint64(0)
	var m mcapfile.Message
	for {
		payload, err := r.Skim(&m)
		if progress != nil {
			progress(float64(r.Position()) / float64(max(size, 1)))
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			damage = damage.Note(err)
			if !mcapfile.Recoverable(err) {
				break
			}
			continue
		}
		t := byChannel[m.Channel]
		if t == nil {
			t = topicOf(topics, f.schemas, m.Channel)
			byChannel[m.Channel] = t
		}
		known = from.addNew(known, r.Metadata(), &damage)
		p, number := from.publisher(&m)
		if repeats.have(&m, p, number) {
			continue
		}
		t.add(&m, payload, p, number, from.passed(&m))
		if m.PublishTime > 0 && m.PublishTime < m.LogTime { // tools without publish times repeat the log time
			d := time.Duration(min(m.LogTime-m.PublishTime, math.MaxInt64))
			latency.add(d)
			timed++
			t.LatencyMax = max(t.LatencyMax, d)
		}
		info.Messages++
		info.Bytes += payload
		first, last = min(first, m.LogTime), max(last, m.LogTime)
	}
	from.addNew(known, r.Metadata(), &damage)
	for _, c := range r.Channels() {
		topicOf(topics, f.schemas, c) // including channels without messages
	}
	if damage != nil {
		info.Damage = damage.Error()
	}
	if info.Messages > 0 {
		info.Start, info.End, info.Duration = wallTime(first), wallTime(last), time.Duration(min(last-first, math.MaxInt64))
	}
	// Recordings of shmbus have publish times as log times, except of messages from before the recording: these say nothing of the rest.
	latencyKnown := timed > 0 && timed >= info.Messages/2
	if latencyKnown {
		l := latency.result()
		info.Latency = &l
	}
	info.describe(r.Stats())
	info.Topics = make([]TopicInfo, 0, len(topics))
	for _, t := range topics {
		t.finish(&from.originals)
		if !latencyKnown {
			t.LatencyMax = 0
		}
		info.SequenceGaps += t.SequenceGaps
		info.Topics = append(info.Topics, *t)
	}
	slices.SortFunc(info.Topics, func(a, b TopicInfo) int {
		return strings.Compare(a.Topic+"\x00"+a.Encoding+"\x00"+a.Type, b.Topic+"\x00"+b.Encoding+"\x00"+b.Type)
	})
	return info, nil
}

// A topicKind is the key of a TopicInfo.
type topicKind struct {
	topic, encoding, name, schemaEncoding string
	schema                                schemaSum
}

func topicOf(topics map[topicKind]*TopicInfo, schemas schemaSums, c *mcapfile.Channel) *TopicInfo {
	key := topicKind{c.Topic, c.Encoding, c.SchemaName, c.SchemaEncoding, schemas.of(c.Schema)}
	t := topics[key]
	if t == nil {
		t = &TopicInfo{
			Topic: c.Topic, Type: c.SchemaName, Encoding: c.Encoding, SchemaEncoding: c.SchemaEncoding, SchemaSize: len(c.Schema),
			Units: []string{}, Smallest: math.MaxUint64, first: math.MaxUint64, publishers: make(map[*recordedPublisher]*PublisherInfo),
		}
		topics[key] = t
	}
	return t
}

func (t *TopicInfo) add(m *mcapfile.Message, size uint64, p *recordedPublisher, number, passed uint64) {
	if t.Messages > 0 && m.LogTime > t.latest {
		t.LargestGap = max(t.LargestGap, time.Duration(min(m.LogTime-t.latest, math.MaxInt64)))
	}
	t.latest = max(t.latest, m.LogTime)
	t.Messages++
	t.Bytes += size
	t.Smallest, t.Largest = min(t.Smallest, size), max(t.Largest, size)
	t.first, t.last = min(t.first, m.LogTime), max(t.last, m.LogTime)
	i := t.publishers[p]
	if i == nil {
		i = new(PublisherInfo)
		t.publishers[p] = i
	}
	i.add(m, number, passed)
}

func (t *TopicInfo) finish(from *originals) {
	t.describePublishers(t.publishers, from)
	if t.Messages == 0 {
		t.Smallest = 0
		return
	}
	t.Start, t.End = wallTime(t.first), wallTime(t.last)
	if span := seconds(t.last - t.first); span > 0 {
		t.Rate = float64(t.Messages-1) / span
	}
}

// describe copies the file's own data.
func (i *Info) describe(s mcapfile.Stats) {
	i.Profile, i.Library, i.Recordings, i.Closed, i.Attachments = s.Profile, s.Library, s.Files, s.Closed, uint64(len(s.Attachments))
	for _, a := range s.Attachments {
		i.AttachmentList = append(i.AttachmentList, AttachmentInfo{a.Name, a.MediaType, a.Size})
	}
	i.Metadata = []string{}
	for _, m := range s.Metadata {
		if !slices.Contains(i.Metadata, m.Name) {
			i.Metadata = append(i.Metadata, m.Name)
		}
		if m.Name == statsName {
			if lost, err := strconv.ParseUint(m.Values[statsLost], 10, 64); err == nil {
				if i.Lost != nil {
					lost += *i.Lost // of the recordings that were merged
				}
				i.Lost = &lost
			}
		}
	}
	i.Chunks = []CompressionInfo{}
	for _, name := range []string{"", "lz4", "zstd"} {
		if c, ok := s.Chunks[name]; ok {
			if name == "" {
				name = "none"
			}
			i.Chunks = append(i.Chunks, CompressionInfo{name, c.Chunks, c.Compressed, c.Uncompressed})
		}
	}
}

func wallTime(ns uint64) time.Time { return time.Unix(int64(ns/1e9), int64(ns%1e9)).UTC() }

func seconds(ns uint64) float64 { return float64(ns) / 1e9 }

// duration is limited to what a Duration can express.
func duration(ns uint64) time.Duration { return time.Duration(min(ns, math.MaxInt64)) }
