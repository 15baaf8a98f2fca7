package mcapfile

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/foxglove/mcap/go/mcap"
)

// A Finding is something in a file that is not as the format or other records of the file say.
type Finding struct {
	Severity Severity `json:"severity"`
	Offset   int64    `json:"offset"` // of the record, or of the chunk that holds it
	Text     string   `json:"text"`
}

// Severity says what a finding means for readers.
type Severity string

// The severities of a finding.
const (
	IsError   Severity = "error"   // a reader may lose content or return a wrong one
	IsWarning Severity = "warning" // every reader gets all content, perhaps more slowly, or without noticing damage
)

// A Report is the result of Check.
type Report struct {
	Messages uint64    `json:"messages"`
	Errors   uint64    `json:"errors"`
	Warnings uint64    `json:"warnings"`
	Findings []Finding `json:"findings"` // in the order of the file, the first 100
}

// mostFindings is the number of findings that a Report lists.
const mostFindings = 100

// Check reads a whole file, and compares its records with each other: the checksums, the indexes with what they refer to, and the
// statistics with what was counted. progress may be nil; it gets the position in the file. The error means that the file cannot be read or
// is not an MCAP file.
func Check(src io.ReaderAt, size int64, limits *Limits, progress func(int64)) (Report, error) {
	r, err := NewReader(src, size, limits)
	if err != nil {
		return Report{}, err
	}
	c := &checker{report: Report{Findings: []Finding{}}, kept: &r.kept}
	c.beginPart(0)
	r.check = c
	var m Message
	for {
		_, err := r.Skim(&m)
		if progress != nil {
			progress(r.Position())
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			c.report.Messages++
			continue
		}
		if errors.Is(err, errRead) {
			return c.report, err
		}
		c.find(IsError, offsetOf(err), "%v", err)
		if !Recoverable(err) {
			break
		}
	}
	slices.SortStableFunc(c.report.Findings, func(a, b Finding) int { return int(min(max(a.Offset-b.Offset, -1), 1)) })
	return c.report, nil
}

func offsetOf(err error) int64 {
	var record *InvalidRecordError
	var limit *MemoryLimitError
	var trailing *TrailingError
	var cut *TruncatedError
	switch {
	case errors.As(err, &record):
		return record.Offset
	case errors.As(err, &limit):
		return limit.Offset
	case errors.As(err, &trailing):
		return trailing.Offset
	case errors.As(err, &cut):
		return cut.Offset
	}
	return 0
}

// A checker compares the records of a file while a Reader reads them.
type checker struct {
	report Report
	kept   *budget
	part   checkedPart
}

// A checkedPart is what is known of the current part.
type checkedPart struct {
	base      int64
	chunks    []placedChunk // in the order of the file
	places    map[mcap.OpCode][]placed
	chunk     *placedChunk             // the current one
	contents  map[uint16]*indexed      // its messages by channel
	declared  map[mcap.OpCode][]placed // by the index, with the opcode of what they refer to
	indexes   []placedChunk            // by the index
	counts    map[uint16]uint64        // messages by channel
	messages  uint64
	start     uint64 // smallest and largest log time
	end       uint64
	last      uint64                          // log time
	back      uint64                          // messages that are earlier than one before by more than mostBack
	loose     uint64                          // messages outside of chunks
	unindexed uint64                          // chunks without message indexes
	noCRC     uint64                          // chunks without CRC
	over      bool                            // there is no memory for more chunks
	groups    map[mcap.OpCode]group           // of the summary
	repeated  map[mcap.OpCode]map[uint16]bool // definitions in the summary
}

func (c *checker) beginPart(base int64) {
	c.part = checkedPart{
		base:   base,
		places: make(map[mcap.OpCode][]placed), declared: make(map[mcap.OpCode][]placed), counts: make(map[uint16]uint64),
		contents: make(map[uint16]*indexed), groups: make(map[mcap.OpCode]group),
		repeated: make(map[mcap.OpCode]map[uint16]bool),
	}
}

func (c *checker) find(s Severity, offset int64, format string, args ...any) {
	if s == IsError {
		c.report.Errors++
	} else {
		c.report.Warnings++
	}
	if len(c.report.Findings) < mostFindings {
		c.report.Findings = append(c.report.Findings, Finding{s, offset, fmt.Sprintf(format, args...)})
	}
}

// knownProfiles are those of the registry of the format.
func knownProfile(name string) bool { return name == "" || name == "ros1" || name == "ros2" }

func (c *checker) header(at int64, profile, library string) {
	if !knownProfile(profile) {
		c.find(IsWarning, at, "the profile %.100q is not a registered one", profile)
	}
	if library == "" {
		c.find(IsWarning, at, "the header names no library that wrote the file")
	}
}

// mostBack is by how much the log time of a message may be earlier than one before it. MCAP requires no order, and recorders of several
// publishers write none, but readers have to hold the messages of that time to sort them.
const mostBack = 10 * time.Second

func (c *checker) message(m *Message, at position, inChunk bool) {
	p := &c.part
	if p.messages == 0 {
		p.start, p.end, p.last = m.LogTime, m.LogTime, m.LogTime
	}
	p.start, p.end = min(p.start, m.LogTime), max(p.end, m.LogTime)
	if m.LogTime < p.last-min(p.last, uint64(mostBack)) {
		if p.back++; p.back == 1 {
			c.find(IsWarning, at.off, "a message on %.100q has log time %d, and one before it %d", m.Channel.Topic, m.LogTime, p.last)
		}
	}
	p.last = max(p.last, m.LogTime)
	p.messages++
	p.counts[m.Channel.ID]++
	if !inChunk {
		if p.loose++; p.loose == 1 && len(p.chunks) > 0 {
			c.find(IsWarning, at.off, "a message outside of the chunks, which no index has")
		}
		return
	}
	if p.chunk == nil {
		return
	}
	p.chunk.add(m.LogTime)
	x := p.contents[m.Channel.ID]
	if x == nil {
		x = new(indexed)
		p.contents[m.Channel.ID] = x
	}
	x.add(m.LogTime, uint64(at.in))
}

// other handles the records that a Reader needs only for damaged files.
func (c *checker) other(r *Reader, op mcap.OpCode) error {
	switch op {
	case mcap.OpMessageIndex:
		return c.messageIndex(r)
	case mcap.OpChunkIndex:
		return c.chunkIndex(r)
	case mcap.OpAttachmentIndex:
		return c.attachmentIndex(r)
	case mcap.OpMetadataIndex:
		return c.metadataIndex(r)
	case mcap.OpSummaryOffset:
		return c.summaryOffset(r)
	}
	if !known(op) && op < firstPrivate {
		c.find(IsWarning, r.at.off, "a record of the unknown type %#x", byte(op))
	}
	return nil
}

// firstPrivate is the first opcode that applications may use for themselves.
const firstPrivate = mcap.OpCode(0x80)
