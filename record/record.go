package record

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"sync"
	"time"

	"github.com/shmbus/shmbus/internal/clock"
	"github.com/shmbus/shmbus/record/mcapfile"
	"github.com/shmbus/shmbus/topic"
)

// RecordOptions: the zero value records every topic until the context ends and never delays a publisher.
type RecordOptions struct {
	Include  *regexp.Regexp // record topics that match; nil = all
	Exclude  *regexp.Regexp // but not these; nil = none
	Duration time.Duration  // length of the recording; 0 = until the context ends
	Lossless bool           // publishers wait for the recorder instead of overwriting
	Force    bool           // replace an existing file
	// SyncInterval is the time between two fsyncs of the file. A power failure loses at most the data of this time. 0 =
	// only at the end; the kernel decides in between (usually within 30 s).
	SyncInterval time.Duration
	ChunkSize    int // bytes before compression; default 1 MiB
	// Started is called once, when the recorder has subscribed: samples published after that are recorded.
	Started func()
	// Progress is called about once a second on a goroutine of its own, and not after Record has returned.
	Progress func(Progress)
}

func (o *RecordOptions) checked() (RecordOptions, error) {
	var c RecordOptions
	if o != nil {
		c = *o
	}
	if c.Duration < 0 || c.SyncInterval < 0 || c.ChunkSize < 0 {
		return c, fmt.Errorf("record: a duration, sync interval or chunk size is negative")
	}
	return c, nil
}

func (o *RecordOptions) wants(topic string) bool {
	return (o.Include == nil || o.Include.MatchString(topic)) && (o.Exclude == nil || !o.Exclude.MatchString(topic))
}

// Record writes the samples of p's domain to a new MCAP file at path until ctx ends or opts.Duration is over. Then it
// records the samples that were published before that moment, closes the file and returns nil: ending ctx is the regular
// way to stop.
//
// Latched samples that exist at the start are recorded. Topics that have publishers at the start or at the end are in the
// file even if nothing was published on them.
//
// An existing file is an error (fs.ErrExist) unless opts.Force is set. When the file can no longer be written, as on a full
// disk, Record ends with a *mcapfile.WriteError; the data written before stays readable. If another program removes, moves
// or truncates the file meanwhile, the error is a *LostFileError.
//
// A pipe gets the recording as a stream; a program must have it open for reading. If its reader does not take the rest
// within half a second after the end of ctx, the error is a *mcapfile.WriteError.
func Record(ctx context.Context, p *topic.Participant, path string, opts *RecordOptions) (Summary, error) {
	summary := Summary{Path: path}
	o, err := opts.checked()
	if err != nil {
		return summary, err
	}
	c, sources := clock.New(), newSources()
	// The end of ctx is the regular end of a recording, also of an empty one.
	sub, err := topic.NewSubscriber(context.WithoutCancel(ctx), p, "**", &topic.SubscriberOptions[[]byte]{
		Filter: o.wants, Lossless: o.Lossless, Ended: func(id topic.PublisherID) { sources.end(id, c.Now()) },
	})
	if err != nil {
		return summary, fmt.Errorf("subscribe for recording: %w", err)
	}
	defer sub.Close()
	f, err := createDestination(path, o.Force)
	if err != nil {
		return summary, fmt.Errorf("create the recording: %w", err)
	}
	defer f.close()
	w, err := mcapfile.NewWriter(f, &mcapfile.WriterOptions{ChunkSize: o.ChunkSize, SyncInterval: o.SyncInterval})
	if err != nil {
		f.remove()
		return summary, fmt.Errorf("create the recording %s: %w", path, err)
	}
	wall := clock.NewWall(c.Read)
	r := newRecorder(w, sources, c, wall)
	if o.Duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.Duration)
		defer cancel()
	}
	_, err = r.addIdleTopics(p.Dir(), o.wants)
	background, end := context.WithCancel(context.WithoutCancel(ctx))
	var watching sync.WaitGroup
	watching.Go(func() { wall.Watch(background) })
	defer watching.Wait()
	defer end()
	defer context.AfterFunc(ctx, f.limitFinalWrites)()
	stop := reportProgress(&r.figures, o.Progress)
	if o.Started != nil {
		o.Started()
	}
	if err == nil {
		err = r.run(ctx, sub)
	}
	stop()
	// The subscription is closed before the file, because closing the file may take long and a lossless subscription makes publishers wait.
	stats := sub.Stats()
	r.addUnseenLoss(stats.Lost)
	summary.Dropped = stats.Dropped
	sub.Close()
	if err == nil {
		var isGone func(topic.PublisherID) bool
		if isGone, err = r.addIdleTopics(p.Dir(), o.wants); isGone != nil {
			sources.endGone(isGone, r.end)
		}
	}
	if cerr := r.close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = f.checkPath()
	}
	r.summarise(&summary)
	if lost := new(LostFileError); errors.As(err, &lost) {
		return summary, fmt.Errorf("record: %w", lost) // the writer's statement about the readable part does not apply
	}
	if err != nil {
		return summary, fmt.Errorf("record to %s: %w", path, err)
	}
	return summary, nil
}
