package record

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/shmbus/shmbus/record/mcapfile"
)

var errRecordingEnded = fmt.Errorf("the recording has ended: %w", os.ErrClosed)

// Pause stops recording until Resume. What is published meanwhile is not recorded and does not count as lost; only of latched publishers
// the newest sample is recorded at Resume.
func (rec *Recorder) Pause() error {
	return rec.steer(func() error {
		if !rec.r.pause.is.Swap(true) {
			rec.r.pause.since = rec.clock.Now()
		}
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
		rec.split("command")
		return nil
	})
}

// Trigger writes a part with the messages of the time before and after it, as the TriggerOptions say.
func (rec *Recorder) Trigger() error {
	return rec.steer(func() error {
		if rec.opts.Trigger == nil {
			return errors.New("the recording has no trigger: everything is recorded")
		}
		rec.trigger("command")
		return nil
	})
}

// steer executes a command. It does not wait for the destination, whose errors end the recording.
func (rec *Recorder) steer(command func() error) error {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	if rec.over {
		return errRecordingEnded
	}
	return command()
}

func (rec *Recorder) split(cause string) {
	rec.endPart()
	rec.beginPart(func() string { return cause })
}

// beginFirst begins the part of a recording that has no trigger.
func (rec *Recorder) beginFirst() error {
	rec.open, rec.begun = true, time.Now()
	p, err := rec.newPart("", rec.begun, rec.r.time(rec.clock.Now()))
	if err == nil {
		rec.w.Begin(p)
	}
	return err
}

// beginPart begins a part. Its metadata names the cause. The file is created, and numbered, when the messages before it are written: they may
// fill further parts.
func (rec *Recorder) beginPart(cause func() string) {
	now, logTime := time.Now(), rec.r.time(rec.clock.Now())
	rec.open, rec.begun = true, now
	rec.parts.due.Add(1)
	rec.w.BeginWith(func() (*mcapfile.Part, error) {
		defer rec.parts.due.Add(-1)
		return rec.newPart(cause(), now, logTime)
	})
}

// newPart creates the next part. After the first one it runs on the writer's goroutine: numbers follow the order of the messages.
func (rec *Recorder) newPart(cause string, now time.Time, logTime uint64) (*mcapfile.Part, error) {
	d, number, err := rec.parts.create(now)
	if err != nil {
		return nil, err
	}
	return &mcapfile.Part{
		Dst: d, Metadata: hostMetadata(number, cause, now, rec.opts.Metadata), Attachments: rec.opts.Attachments,
		LogTime: logTime, Ending: rec.partMetadata, Done: func(err error) {
			if err := rec.parts.done(d, err); err != nil {
				rec.fail(err)
			}
		},
		Limit: rec.opts.SplitSize, Next: func() (*mcapfile.Part, error) {
			now := time.Now()
			return rec.newPart("size", now, uint64(now.UnixNano()))
		},
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
		rec.partEnded = rec.clock.Now()
		rec.w.Hold(t.Before, int(t.Bytes))
	}
}

// triggerGrace is how long samples from before the end of a trigger's part may still come.
const triggerGrace = 100 * time.Millisecond

func (rec *Recorder) trigger(cause string) {
	now := rec.clock.Now()
	rec.until = max(rec.until, now+int64(rec.opts.Trigger.After))
	if rec.open {
		return
	}
	joined := rec.partEnded > 0 && now-rec.partEnded < int64(rec.opts.Trigger.Before)
	if joined {
		rec.joined++
	}
	if reach, short := rec.w.HeldTime(); short && (rec.shortestBefore == 0 || reach < rec.shortestBefore) {
		rec.shortestBefore = reach
	}
	rec.beginPart(func() string {
		if joined { // the parts before it have their numbers by now
			return "trigger: " + cause + "; the time before it begins in part " + strconv.Itoa(rec.parts.number())
		}
		return "trigger: " + cause
	})
}

// endTrigger ends the part of a trigger when the time after it is over by a stamp. The stamp may be one that a publisher chose: it does not
// end a part early.
func (rec *Recorder) endTrigger(stamp int64) {
	if rec.opts.Trigger == nil || !rec.open {
		return
	}
	if last := rec.until + int64(triggerGrace); stamp > last && rec.clock.Now() > last {
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
			err := rec.parts.keep(now, rec.w.Size())
			if err == nil {
				err = rec.parts.keepFree(0)
			}
			if err != nil {
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
	if err := rec.takeNotes(); err != nil {
		return err
	}
	rec.endTrigger(rec.clock.Now() - int64(triggerGrace)) // the samples of before may still be in their rings
	if begun := later(rec.begun, rec.parts.begunAt()); rec.open && rec.opts.SplitDuration > 0 && now.Sub(begun) >= rec.opts.SplitDuration {
		rec.split("duration")
	}
	return nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
