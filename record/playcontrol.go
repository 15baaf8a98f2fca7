package record

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// A PlayControl steers a Play that has it as PlayOptions.Control. The zero value is ready. Its methods may be called from any
// goroutine, also before Play begins. After Play has returned they have no effect.
type PlayControl struct {
	mu      sync.Mutex
	changed chan struct{} // has room for one
	paused  bool
	rate    float64 // requested; 0 = none, +Inf = max
	step    *playStep
	seek    *playSeek
	stopped bool
	opening context.CancelFunc // ends the wait for subscribers; nil when that is over
	ended   bool
	topics  []string // that are played, by their names in the recording; nil before Play has read them
	status  PlayStatus
}

// PlayState says what a replay does.
type PlayState string

// The states of a replay.
const (
	PlayWaiting PlayState = "waiting" // for subscribers
	Playing     PlayState = "playing"
	PlayPaused  PlayState = "paused"
	PlayEnded   PlayState = "ended"
)

// PlayStatus is the state of a running replay.
type PlayStatus struct {
	State    PlayState     `json:"state"`
	Rate     float64       `json:"rate,omitempty"` // 0 = Max, or not known yet
	Max      bool          `json:"max,omitempty"`  // as fast as possible
	Position time.Duration `json:"position_ns"`    // of the last message, since the beginning of what is played
	Length   time.Duration `json:"length_ns"`
	Time     time.Time     `json:"time,omitzero"` // of the last message
	Messages uint64        `json:"messages"`
	Skipped  uint64        `json:"skipped"`
	Passes   uint64        `json:"passes"` // complete
}

// errStopped ends a replay on request.
var errStopped = errors.New("the replay was stopped")

var errPlayEnded = fmt.Errorf("the replay has ended: %w", os.ErrClosed)

// wake tells the player that something changed. Called with mu held.
func (c *PlayControl) wake() {
	if c.changed == nil {
		c.changed = make(chan struct{}, 1)
	}
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

// changes returns the channel that wake fills; nil for no control.
func (c *PlayControl) changes() <-chan struct{} {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.changed == nil {
		c.changed = make(chan struct{}, 1)
	}
	return c.changed
}

// Pause stops the clock of the replay.
func (c *PlayControl) Pause() { c.setPaused(true) }

// Resume continues after Pause and Step.
func (c *PlayControl) Resume() { c.setPaused(false) }

func (c *PlayControl) setPaused(paused bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.paused = paused
	c.wake()
}

// Paused reports whether the replay is paused.
func (c *PlayControl) Paused() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.paused
}

// SetRate changes the speed, as PlayOptions.Rate; +Inf is as fast as possible.
func (c *PlayControl) SetRate(rate float64) error {
	if !(rate > 0) {
		return fmt.Errorf("%v is not a rate; it must be greater than 0", rate)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rate, c.status.Rate, c.status.Max = rate, rate, isMax(rate)
	if isMax(rate) {
		c.status.Rate = 0
	}
	c.wake()
	return nil
}

// Step pauses and publishes the next n messages, or all up to the nth message on a topic, as fast as possible. The topic has its name in
// the recording; "" is any. Step returns when that is done, with ctx's error, or with an error if the replay ends before.
func (c *PlayControl) Step(ctx context.Context, n int, topic string) error {
	if n < 1 {
		return fmt.Errorf("%d is not a number of messages to step; it must be at least 1", n)
	}
	s := &playStep{left: n, topic: topic, done: make(chan error, 1)}
	return c.request(ctx, s.done, func() {
		if err := c.checkTopic(topic); err != nil {
			s.done <- err
			return
		}
		if c.step != nil {
			c.step.done <- errors.New("another step was requested")
		}
		c.paused, c.step = true, s
	})
}

// checkTopic returns an error for a topic that is not played. Called with mu held.
func (c *PlayControl) checkTopic(topic string) error {
	if topic == "" || c.topics == nil || slices.Contains(c.topics, topic) {
		return nil
	}
	near := nearest(topic, c.topics)
	if len(near) == 0 {
		return fmt.Errorf("no topic %s is played, nor any other", quote(topic))
	}
	return fmt.Errorf("no topic %s is played; %d are, such as %s", quote(topic), len(c.topics), strings.Join(quoteAll(near), ", "))
}

// know takes the topics that are played, and refuses a step that waits for another one.
func (c *PlayControl) know(topics []string) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.topics = append([]string{}, topics...)
	if c.step == nil {
		return
	}
	if err := c.checkTopic(c.step.topic); err != nil {
		c.step.done <- err
		c.step = nil
	}
}

// Seek goes on at a time of the recording. Latched topics get their state of that time. A time after the last message is an error.
func (c *PlayControl) Seek(ctx context.Context, to time.Time) error {
	return c.seekTo(ctx, func(_, first, last uint64) (uint64, error) { return within(LogTimeOf(to), first, last) })
}

// SeekElapsed is Seek to a time since the beginning of the recording.
func (c *PlayControl) SeekElapsed(ctx context.Context, to time.Duration) error {
	return c.seekTo(ctx, func(_, first, last uint64) (uint64, error) { return within(addTime(first, to), first, last) })
}

// SeekBy is Seek by a duration forward or, if it is negative, backward, at most to the last or first message.
func (c *PlayControl) SeekBy(ctx context.Context, by time.Duration) error {
	return c.seekTo(ctx, func(position, first, last uint64) (uint64, error) {
		if by < 0 {
			return max(position-min(position, uint64(-by)), first), nil
		}
		return min(addTime(position, by), last), nil
	})
}

// Stop ends the replay; Play returns no error.
func (c *PlayControl) Stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopped = true
	if c.opening != nil {
		c.opening()
	}
	c.wake()
}

// open calls f with a context that Stop ends too. It returns errStopped after Stop.
func (c *PlayControl) open(ctx context.Context, f func(context.Context) error) error {
	if c == nil {
		return f(ctx)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c.mu.Lock()
	c.opening, c.status.State = cancel, PlayWaiting
	if c.stopped {
		cancel()
	}
	c.mu.Unlock()
	err := f(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.opening = nil
	if c.stopped {
		return errStopped
	}
	return err
}

// Status returns the state of the replay.
func (c *PlayControl) Status() PlayStatus {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.status
	if s.State == Playing && c.paused {
		s.State = PlayPaused
	}
	return s
}

// begin is called by the player before the first message.
func (c *PlayControl) begin(o *PlayOptions, length time.Duration) {
	c.update(func(s *PlayStatus) {
		s.State, s.Length = Playing, length
		if c.rate == 0 && !o.Max {
			s.Rate = o.Rate
		}
		if c.rate == 0 {
			s.Max = o.Max
		}
	})
}

// update changes the status.
func (c *PlayControl) update(change func(*PlayStatus)) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.status)
}

// end refuses what is requested now and later.
func (c *PlayControl) end() {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended, c.status.State = true, PlayEnded
	if c.step != nil {
		c.step.done <- errPlayEnded
	}
	if c.seek != nil {
		c.seek.done <- errPlayEnded
	}
	c.step, c.seek = nil, nil
}
