package record

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/shmbus/shmbus/record/mcapfile"
	"github.com/shmbus/shmbus/serde"
)

// ReadOptions: the zero value reads the whole file. The regular expressions apply to the topic names of the recording.
type ReadOptions struct {
	Topics  *regexp.Regexp // read topics that match, and services by their names; nil = all
	Exclude *regexp.Regexp // but not these; nil = none
	// Start and End limit the log time: messages from Start on and before End; zero = no limit.
	Start, End time.Time
	// StartElapsed and EndElapsed do the same by the time since the first message on these topics; EndElapsed 0 = no limit.
	StartElapsed, EndElapsed time.Duration
	// Memory is the number of bytes for reading the file, as in PlayOptions.
	Memory uint64
	// Progress gets the share that is done, from 0 to 1, often, on the goroutine of the caller.
	Progress func(float64)
}

// A Message is a recorded message.
type Message struct {
	Topic       string
	Type        serde.Type // its schema is the same memory for all messages of a channel
	Publisher   string     // its identity, as Info has it; empty = unknown
	Sequence    uint64     // of the publisher, if it is known, or else of the channel
	LogTime     time.Time  // when it was recorded
	PublishTime time.Time
	// Of a replay that was recorded: the publisher of the message that was played, and that publisher's sequence of it. The sequence is 0 if
	// this is not known; the publisher is empty in recordings of other tools.
	OriginalPublisher string
	OriginalSequence  uint64
	Payload           []byte // valid as long as it is referenced
}

// Read calls each with the messages of an MCAP file from any tool, or of the parts in a directory, by log time; messages of equal log time
// keep the order of the file. It ends with the first error of each, or with that of ctx. A choice of none of the topics is a *NoTopicError,
// and a time outside of the recording is an error.
// The file is read twice: first for its contents. The memory use is bounded. Damaged parts are skipped and reported in Summary.Damage,
// beside which Messages and Bytes are filled in.
func Read(ctx context.Context, path string, opts *ReadOptions, each func(*Message) error) (Summary, error) {
	summary := Summary{Path: path}
	var o ReadOptions
	if opts != nil {
		o = *opts
	}
	f, size, err := openRecording(path)
	if err != nil {
		return summary, fmt.Errorf("read: %w", err)
	}
	defer f.Close()
	wants := PlayOptions{Topics: o.Topics, Exclude: o.Exclude}
	passes := &readPasses{show: o.Progress, all: 2}
	chosen := func(c *mcapfile.Channel) bool { return wants.wants(ChosenName(c)) }
	plan, err := mcapfile.NewPlan(passes.of(f, size), size, &mcapfile.Limits{Memory: o.Memory}, chosen)
	if err == nil && plan.Damage == nil {
		err = CheckChosen(path, ChosenString(nil, o.Topics, o.Exclude, nil), plan.Declared, chosen)
	}
	if err == nil && plan.Damage == nil && plan.Messages > 0 {
		err = o.checkTimes(plan)
	}
	if errors.As(err, new(*NoTopicError)) {
		return summary, fmt.Errorf("read: %w", err)
	}
	if err != nil {
		return summary, fmt.Errorf("read %s: %w", path, err)
	}
	summary.FileSize = size
	damage := plan.Damage
	from := newAttribution()
	from.addNew(0, plan.Stats.Metadata, &damage)
	if damage != nil {
		summary.Damage = damage
	}
	passes.next()
	for m, err := range f.inOrder(plan, from) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return summary, fmt.Errorf("read %s: %w", path, err)
		}
		at := wallTime(m.LogTime)
		if o.past(at, m.LogTime-plan.Start) {
			break
		}
		if at.Before(o.Start) || m.LogTime-plan.Start < uint64(max(o.StartElapsed, 0)) {
			continue
		}
		p, sequence := from.publisher(&m)
		message := Message{
			Topic: m.Channel.Topic, Type: typeOf(m.Channel), Publisher: p.ID, Sequence: sequence,
			LogTime: at, PublishTime: wallTime(m.PublishTime), Payload: m.Data,
		}
		if p, sequence, _ := from.original(&m); p != nil {
			message.OriginalPublisher, message.OriginalSequence = p.ID, sequence
		}
		if err := each(&message); err != nil {
			return summary, err
		}
		summary.Messages++
		summary.Bytes += uint64(len(m.Data))
	}
	return summary, nil
}

// checkTimes returns an error if the time that is to be read is outside of the recording.
func (o *ReadOptions) checkTimes(plan *mcapfile.Plan) error {
	w := playWindow{start: o.Start, end: o.End, since: max(o.StartElapsed, 0), until: max(o.EndElapsed, 0)}
	from, to := w.resolve(&playFiles{first: plan.Start})
	return CheckTimes(from, to, plan.First, plan.First+plan.Span)
}

// past reports whether a message, and so each one after it, is too late.
func (o *ReadOptions) past(at time.Time, since uint64) bool {
	return !o.End.IsZero() && !at.Before(o.End) || o.EndElapsed > 0 && since >= uint64(o.EndElapsed)
}
