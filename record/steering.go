package record

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/shmbus/shmbus/record/mcapfile"
)

var errRecordingEnded = fmt.Errorf("the recording has ended: %w", os.ErrClosed)

// Pause stops recording until Resume. What is published meanwhile is not recorded and does not count as lost; only of latched publishers
// the newest sample is recorded at Resume.
func (rec *Recorder) Pause() error {
	return rec.steer(func() error {
		rec.r.pause.is.Store(true)
		return nil
	})
}

// Resume ends a Pause.
func (rec *Recorder) Resume() error { return rec.steer(func() error { return rec.r.resume() }) }

// Split ends the current part and begins the next one.
func (rec *Recorder) Split() error {
	return rec.steer(func() error {
		switch {
		case !rec.opts.Numbered:
			return errors.New("the recording is one file; begin one with numbered parts")
		case !rec.open:
			return errors.New("no part is being written; the next one begins with a trigger")
		}
		return rec.split("command")
	})
}

// Trigger writes a part with the messages of the time before and after it, as the TriggerOptions say. If the part of an earlier trigger is
// being written, it becomes longer.
func (rec *Recorder) Trigger() error {
	return rec.steer(func() error {
		if rec.opts.Trigger == nil {
			return errors.New("the recording has no trigger: everything is recorded")
		}
		return rec.trigger("command")
	})
}

// steer executes a command. An error of the destination ends the recording.
func (rec *Recorder) steer(command func() error) error {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	if rec.over {
		return errRecordingEnded
	}
	return command()
}

func (rec *Recorder) split(cause string) error {
	rec.endPart()
	return rec.beginPart(cause)
}

// beginPart begins a part. Its metadata names the cause.
func (rec *Recorder) beginPart(cause string) error {
	p, err := rec.newPart(cause)
	if err != nil {
		return err
	}
	p.LogTime = rec.r.time(rec.clock.Now())
	rec.open = true
	rec.w.Begin(p)
	return nil
}

// newPart creates the next part. It may be called on any goroutine.
func (rec *Recorder) newPart(cause string) (*mcapfile.Part, error) {
	now := time.Now()
	d, number, err := rec.parts.create(now)
	if err != nil {
		return nil, err
	}
	return &mcapfile.Part{
		Dst: d, Metadata: hostMetadata(number, cause, now, rec.opts.Metadata), Attachments: rec.opts.Attachments,
		LogTime: uint64(now.UnixNano()), Ending: rec.partMetadata, Done: func(err error) {
			if err := rec.parts.done(d, err); err != nil {
				rec.fail(err)
			}
		},
		Limit: rec.opts.SplitSize, Next: func() (*mcapfile.Part, error) { return rec.newPart("size") },
	}, nil
}

// endPart ends the current part, if there is one.
func (rec *Recorder) endPart() {
	if !rec.open {
		return
	}
	rec.open = false
	rec.w.End()
	if t := rec.opts.Trigger; t != nil {
		rec.w.Hold(t.Before, int(t.Bytes))
	}
}

// triggerGrace is how long samples from before the end of a trigger's part may still come.
const triggerGrace = 100 * time.Millisecond

func (rec *Recorder) trigger(cause string) error {
	rec.until = max(rec.until, rec.clock.Now()+int64(rec.opts.Trigger.After))
	if rec.open {
		return nil
	}
	return rec.beginPart("trigger: " + cause)
}

// endTrigger ends the part of a trigger when the time after it is over.
func (rec *Recorder) endTrigger(now int64) {
	if rec.opts.Trigger != nil && rec.open && now > rec.until+int64(triggerGrace) {
		rec.endPart()
	}
}

// Times between the checks of a recording.
const (
	maintainInterval = 100 * time.Millisecond
	diskInterval     = time.Second
)

// maintain does what is due also without samples, until ctx ends.
func (rec *Recorder) maintain(ctx context.Context) {
	tick := time.NewTicker(maintainInterval)
	defer tick.Stop()
	var disk time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			if err := rec.steer(func() error { return rec.checkTime(now) }); err != nil {
				rec.fail(err)
				return
			}
			if now.Sub(disk) < diskInterval {
				continue
			}
			disk = now
			if err := rec.parts.keep(&rec.opts, now, rec.w.Size()); err != nil {
				rec.fail(err)
				return
			}
		}
	}
}

func (rec *Recorder) checkTime(now time.Time) error {
	if err := rec.w.Err(); err != nil {
		return err
	}
	rec.endTrigger(rec.clock.Now() - int64(triggerGrace)) // the samples of before may still be in their rings
	if rec.open && rec.opts.SplitDuration > 0 && now.Sub(rec.parts.begunAt()) >= rec.opts.SplitDuration {
		return rec.split("duration")
	}
	return nil
}
