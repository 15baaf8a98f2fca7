package record

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"time"

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
// Latched samples are recorded as they are found at the start. An existing file is refused (fs.ErrExist) unless opts.Force
// is set. When the file cannot be written any more (a full disk) Record ends with a *mcapfile.WriteError; what was written
// before stays readable.
func Record(ctx context.Context, p *topic.Participant, path string, opts *RecordOptions) (Summary, error) {
	summary := Summary{Path: path}
	o, err := opts.checked()
	if err != nil {
		return summary, err
	}
	sub, err := topic.NewSubscriber(p, "**", &topic.SubscriberOptions[[]byte]{Filter: o.wants, Lossless: o.Lossless})
	if err != nil {
		return summary, fmt.Errorf("subscribe for recording: %w", err)
	}
	defer sub.Close()
	f, err := createRecording(path, o.Force)
	if err != nil {
		return summary, fmt.Errorf("create the recording: %w", err)
	}
	defer f.Close()
	w, err := mcapfile.NewWriter(f, &mcapfile.WriterOptions{ChunkSize: o.ChunkSize, SyncInterval: o.SyncInterval})
	if err != nil {
		if info, serr := f.Stat(); serr == nil && info.Mode().IsRegular() {
			os.Remove(path)
		}
		return summary, fmt.Errorf("create the recording %s: %w", path, err)
	}
	r := newRecorder(w, watchPublishers(p.Dir()))
	defer r.publishers.close()
	if o.Duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.Duration)
		defer cancel()
	}
	stop := reportProgress(&r.figures, o.Progress)
	if o.Started != nil {
		o.Started()
	}
	err = r.run(ctx, sub)
	stop()
	// Before the file is closed, which may take a while: nobody shall wait for a recorder that takes nothing any more.
	stats := sub.Stats()
	r.lostUnseen(stats.Lost)
	summary.Dropped = stats.Dropped
	sub.Close()
	if cerr := r.finish(); err == nil {
		err = cerr
	}
	r.summarise(&summary)
	if err != nil {
		return summary, fmt.Errorf("record to %s: %w", path, err)
	}
	return summary, nil
}
