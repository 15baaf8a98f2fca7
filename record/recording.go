package record

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/shmbus/shmbus/internal/clock"
	"github.com/shmbus/shmbus/record/mcapfile"
	"github.com/shmbus/shmbus/topic"
)

// A Recorder is a recording that runs. Its methods may be called from any goroutine, also after its end.
type Recorder struct {
	path        string
	opts        RecordOptions
	participant *topic.Participant
	sub         *topic.Subscriber[[]byte]
	notes       *topic.Subscriber[[]byte] // to originalsTopic; used with mu held
	w           *mcapfile.Writer
	parts       *parts
	clock       clock.Clock
	sources     *sources
	liveLosses  liveLosses
	meter       meter
	cancel      context.CancelCauseFunc
	failed      chan error // has room for one
	ended       chan struct{}
	summary     Summary
	err         error

	mu    sync.Mutex // held while a sample is taken, and by commands
	r     *recorder
	open  bool      // a part is being written, or will be with what waits
	begun time.Time // when it was begun, unless its size has begun another one since
	until int64     // stamp; the part of a trigger has the samples before it
	over  bool

	shortestBefore time.Duration // Summary.Before
	partEnded      int64         // stamp of the end of the part of a trigger; 0 = none
	joined         int           // Summary.Joined

	triggerPublishers atomic.Int64 // Summary.TriggerPublishers

	ending atomic.Bool // ctx of record has ended: no publisher is new

	// At the beginning of the part; they belong to the writer's goroutine.
	before       map[string]TopicSummary
	unseenBefore uint64
}

// Start begins to record the samples of p's domain, until ctx ends, Stop is called, or opts.Duration is over. Record describes
// the recording. Samples that are published after Start has returned are recorded. The caller calls Wait, and closes p afterwards.
func Start(ctx context.Context, p *topic.Participant, path string, opts *RecordOptions) (*Recorder, error) {
	o, err := opts.checked()
	if err != nil {
		return nil, err
	}
	rec := &Recorder{
		path: path, opts: o, participant: p, clock: clock.New(), sources: newSources(),
		failed: make(chan error, 1), ended: make(chan struct{}), before: make(map[string]TopicSummary),
	}
	rec.parts = &parts{path: path, opts: &rec.opts, fail: rec.fail, start: time.Now()}
	// The end of ctx is the regular end of a recording, also of an empty one.
	if err := rec.subscribeToNotes(context.WithoutCancel(ctx)); err != nil {
		return nil, err
	}
	rec.sub, err = topic.NewSubscriber(context.WithoutCancel(ctx), p, "**", &topic.SubscriberOptions[[]byte]{
		Patterns: o.patterns(), Filter: rec.wants, Lossless: o.Lossless, Spin: -1, LatencyBudget: o.latencyBudget(),
		Ended: func(id topic.PublisherID) { rec.sources.end(id, rec.clock.Now()) },
	})
	if err != nil {
		rec.notes.Close()
		return nil, fmt.Errorf("subscribe for recording: %w", err)
	}
	if err := rec.begin(ctx); err != nil {
		rec.notes.Close()
		rec.sub.Close()
		return nil, err
	}
	return rec, nil
}

func (rec *Recorder) begin(ctx context.Context) error {
	w, err := mcapfile.NewWriter(nil, rec.opts.writerOptions())
	if err != nil {
		return fmt.Errorf("record: %w", err)
	}
	rec.w = w
	wall := clock.NewWall(rec.clock.Read)
	rec.r = newRecorder(w, &rec.opts, rec.sources, rec.clock, wall)
	rec.r.pause.is.Store(rec.opts.Paused)
	running, cancel := context.WithCancelCause(ctx)
	rec.cancel = cancel
	if t := rec.opts.Trigger; t != nil {
		w.Hold(t.Before, int(t.Bytes))
	} else {
		err = rec.beginFirst()
	}
	if err != nil {
		cancel(err)
		w.Close()
		return fmt.Errorf("create the recording: %w", err)
	}
	rec.meter.begin()
	go rec.record(running, wall)
	return nil
}

// record runs until ctx ends, and closes the recording.
func (rec *Recorder) record(ctx context.Context, wall *clock.Wall) {
	defer close(rec.ended)
	defer rec.notes.Close()
	defer rec.sub.Close()
	defer rec.cancel(nil)
	if rec.opts.Duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, rec.opts.Duration)
		defer cancel()
	}
	defer context.AfterFunc(ctx, rec.parts.limitFinalWrites)()
	defer context.AfterFunc(ctx, func() { rec.ending.Store(true) })()
	background, end := context.WithCancel(context.WithoutCancel(ctx))
	var watching sync.WaitGroup
	watching.Go(func() { wall.Watch(background) })
	watching.Go(func() { rec.maintain(background) })
	watching.Go(func() { rec.meter.run(background, rec) })
	_, err := rec.addIdleTopics()
	if rec.opts.Started != nil {
		rec.opts.Started()
	}
	if err == nil {
		err = rec.receive(ctx)
	}
	finish := rec.clock.Now()
	end()
	watching.Wait()
	rec.err = rec.finish(ctx, finish, err)
}

// receive records until ctx ends, and then the samples that were published before.
func (rec *Recorder) receive(ctx context.Context) error {
	for {
		s, err := rec.sub.Receive(ctx)
		if err != nil {
			if ctx.Err() == nil {
				return err
			}
			return rec.drain()
		}
		if err := rec.take(s); err != nil {
			return err
		}
		if rec.ending.Load() {
			return rec.drain() // Receive looks at ctx only when there is no sample
		}
	}
}

// wants reports whether a topic is to be received: it is recorded, or its messages are triggers. The samples of a publisher that is created
// after the end would only delay the end: with many publishers, the subscription finds another such sample each time it has looked at all
// of them.
func (rec *Recorder) wants(topic string) bool {
	if rec.ending.Load() {
		return false
	}
	if rec.opts.triggerOn(topic) != "" {
		rec.triggerPublishers.Add(1)
		return true
	}
	return rec.opts.wants(topic)
}

// maxNewerSamples is the number of consecutive samples newer than the stop after which no older one is expected. Publishers
// are read in turn, but each may have a batch ready.
const maxNewerSamples = 4096

// maxWaiting is the number of samples that a publisher can have in its ring, and as the newest of its keys.
const maxWaiting = 1<<16 + maxReplayKeys

// drain records the samples that were published before. It ends also beside publishers that go on publishing, with any stamps.
func (rec *Recorder) drain() error {
	stop := rec.clock.Now()
	taken := make(map[topic.PublisherID]uint64)
	enough := maxNewerSamples + int(rec.sub.Stats().Publishers) // so that there was one of each
	for newer := 0; newer < enough; {
		s, ok, err := rec.sub.TryReceive()
		if !ok {
			return err
		}
		id := s.Publisher()
		if int64(s.Stamp()) > stop || taken[id] == maxWaiting { // a replay may choose stamps of the past
			newer++
			if err := rec.leave(s); err != nil {
				return err
			}
			continue
		}
		newer = 0
		taken[id]++
		if err := rec.take(s); err != nil {
			return err
		}
	}
	return nil
}

func (rec *Recorder) leave(s topic.Sample[[]byte]) error {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	return rec.r.leave(s)
}

// take records one sample and does what it gives rise to.
func (rec *Recorder) take(s topic.Sample[[]byte]) error {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	stamp := int64(s.Stamp())
	rec.endTrigger(stamp)
	if err := rec.takeNotes(); err != nil {
		s.Release()
		return err
	}
	src, err := rec.r.take(s)
	if err == nil && src != nil && src.trigger != "" && !rec.r.isFromBefore(src, stamp) {
		rec.trigger(src.trigger)
	}
	return err
}

// finish closes the recording, whose receiving ended with err at a stamp.
func (rec *Recorder) finish(ctx context.Context, end int64, err error) error {
	// The subscription is closed before the file, because closing the file may take long and a lossless subscription makes publishers wait.
	stats := rec.sub.Stats()
	rec.sub.Close()
	rec.mu.Lock()
	rec.over = true
	rec.r.addUnseenLoss(stats.Lost)
	if err == nil {
		var isGone func(topic.PublisherID) bool
		if isGone, err = rec.addIdleTopicsLocked(); isGone != nil {
			rec.sources.endGone(isGone, end)
		}
	}
	rec.r.recordEnded()
	rec.r.applyClockSteps()
	rec.endPart()
	rec.mu.Unlock()
	closing := rec.w.Close()
	rec.summarise(end, stats.Dropped)
	var cause error
	select {
	case cause = <-rec.failed:
	default:
	}
	for _, e := range []error{err, closing, cause} {
		if lost := new(LostFileError); errors.As(e, &lost) {
			return fmt.Errorf("record: %w", lost) // the writer's statement about the readable part does not apply
		}
	}
	for _, e := range []error{err, closing, cause} {
		if e != nil {
			return fmt.Errorf("record to %s: %w", rec.path, e)
		}
	}
	return nil
}

// fail ends the recording with an error.
func (rec *Recorder) fail(err error) {
	select {
	case rec.failed <- err:
	default:
	}
	rec.cancel(err)
}

func (rec *Recorder) summarise(end int64, dropped uint64) {
	s := Summary{
		Path: rec.path, Duration: time.Duration(end - rec.r.start), Topics: rec.r.counts.summaries(), DroppedEnded: dropped, Before: rec.shortestBefore,
		Joined: rec.joined, TriggerPublishers: int(rec.triggerPublishers.Load()),
	}
	for _, t := range s.Topics {
		s.Messages += t.Messages
		s.Bytes += t.Bytes
		s.Lost += t.Lost
		s.Dropped += t.Dropped
		s.NoChannel += t.NoChannel
		s.TooLarge += t.TooLarge
		s.Throttled += t.Throttled
	}
	s.Lost += rec.r.counts.unseen.Load()
	s.Files, s.Deleted, s.FileSize = rec.parts.state(rec.w.Size())
	rec.summary = s
}

// Wait waits until the recording is complete and returns its result. The error is nil after a regular end: that of ctx, Stop or Duration.
func (rec *Recorder) Wait() (Summary, error) {
	<-rec.ended
	return rec.summary, rec.err
}

// Stop ends the recording, like the end of its context. It does not wait.
func (rec *Recorder) Stop() { rec.cancel(context.Canceled) }
