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
	// Progress is called about once a second from a goroutine of its own, and no more once Record has returned.
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

// Record writes what is published in p's domain to a new MCAP file at path until ctx ends or opts.Duration is over, then
// takes what was published before that moment, closes the file and returns nil: the end of ctx is the way to stop.
//
// Latched samples are recorded as they are found at the start. Topics with publishers at the start or the end are in the file
// also when nothing was published on them.
//
// An existing file is refused (fs.ErrExist) unless opts.Force is set. When the file cannot be written any more (a full disk)
// Record ends with a *mcapfile.WriteError; what was written before stays readable. A file that another program removes, moves
// or cuts while it is written is an error, a *LostFileError.
//
// To a pipe the recording is streamed; a program must have it open to read. When ctx ends and the reader does not take the
// rest within half a second, that is a *mcapfile.WriteError.
func Record(ctx context.Context, p *topic.Participant, path string, opts *RecordOptions) (Summary, error) {
	summary := Summary{Path: path}
	o, err := opts.checked()
	if err != nil {
		return summary, err
	}
	c, sources := clock.New(), newSources()
	sub, err := topic.NewSubscriber(p, "**", &topic.SubscriberOptions[[]byte]{
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
	err = r.addSilent(p.Dir(), o.wants)
	background, end := context.WithCancel(context.WithoutCancel(ctx))
	var watching sync.WaitGroup
	watching.Go(func() { wall.Watch(background) })
	defer watching.Wait()
	defer end()
	defer context.AfterFunc(ctx, f.hurry)()
	stop := reportProgress(&r.figures, o.Progress)
	if o.Started != nil {
		o.Started()
	}
	if err == nil {
		err = r.run(ctx, sub)
	}
	stop()
	r.lostUnseen(sub.Stats().Lost)
	// Before the file is closed, which may take a while: a lossless subscription makes publishers wait.
	sub.Close()
	if err == nil {
		err = r.addSilent(p.Dir(), o.wants)
	}
	if cerr := r.close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = f.check()
	}
	r.summarise(&summary)
	if lost := new(LostFileError); errors.As(err, &lost) {
		return summary, fmt.Errorf("record: %w", lost) // what the writer says of what can be read is not true of it
	}
	if err != nil {
		return summary, fmt.Errorf("record to %s: %w", path, err)
	}
	return summary, nil
}
