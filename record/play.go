package record

import (
	"context"
	"fmt"
	"math"
	"regexp"
	"time"

	"github.com/shmbus/shmbus/record/mcapfile"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/topic"
)

// PlayOptions: the zero value plays the whole file once, as fast as it was recorded.
type PlayOptions struct {
	Rate   float64        // speed; 0 = 1 = as recorded, 2 = twice as fast
	Max    bool           // as fast as possible; Rate is ignored
	Loop   bool           // again and again until the context ends
	Topics *regexp.Regexp // play topics that match; nil = all
	// WaitSubscribers is how many subscriptions every topic must have before the first message; 0 = do not wait.
	WaitSubscribers int
	WaitTimeout     time.Duration // gives up waiting for them; 0 = when the context ends
	// Progress is called about once a second from a goroutine of its own, and no more once Play has returned.
	Progress func(Progress)
}

func (o *PlayOptions) checked() (PlayOptions, error) {
	var c PlayOptions
	if o != nil {
		c = *o
	}
	if c.Rate == 0 || c.Max {
		c.Rate = 1
	}
	if !(c.Rate > 0) || math.IsInf(c.Rate, 0) {
		return c, fmt.Errorf("play: %v is not a rate; it must be greater than 0", c.Rate)
	}
	if c.WaitSubscribers < 0 || c.WaitTimeout < 0 {
		return c, fmt.Errorf("play: a number of subscribers or a timeout is negative")
	}
	return c, nil
}

// A TopicError says that a recording has a topic that cannot be published.
type TopicError struct {
	Path  string
	Topic string
	Err   error // *registry.NameError with the rule
}

func (e *TopicError) Error() string {
	return fmt.Sprintf("%s cannot be played as it is: %v; choose other topics of it (--topics RE)", e.Path, e.Err)
}

func (e *TopicError) Unwrap() error { return e.Err }

// Play publishes the messages of an MCAP file, from any tool, in p's domain: by log time, equal times in file order. Every
// channel becomes a publisher of its own with the recorded type; all of them exist before the first message.
//
// The file is read twice: once to find what is in it, which for a long recording takes its time, and then to play it, from
// bounded memory. What is damaged is left out; Summary.Damage says so.
//
// The schedule is absolute: a message that is late is published at once, never dropped, and does not delay those after
// it. Where a lossless subscription is behind, Play waits for it. When ctx ends, Play stops and returns ctx's error.
func Play(ctx context.Context, p *topic.Participant, path string, opts *PlayOptions) (Summary, error) {
	summary := Summary{Path: path}
	o, err := opts.checked()
	if err != nil {
		return summary, err
	}
	f, size, err := openRecording(path)
	if err != nil {
		return summary, fmt.Errorf("play: %w", err)
	}
	defer f.Close()
	plan, err := mcapfile.NewPlan(f, size, nil, func(c *mcapfile.Channel) bool {
		return o.Topics == nil || o.Topics.MatchString(c.Topic)
	})
	if err != nil {
		return summary, fmt.Errorf("play %s: %w", path, err)
	}
	summary.FileSize = size
	if plan.Damage != nil {
		summary.Damage = plan.Damage
	}
	if o.Topics != nil && len(plan.Channels) == 0 {
		return summary, fmt.Errorf("play %s: it has no message on a topic that matches %q", path, o.Topics)
	}
	for _, c := range plan.Channels {
		if err := registry.CheckTopic(c.Topic); err != nil {
			return summary, &TopicError{Path: path, Topic: c.Topic, Err: err}
		}
	}
	pl := newPlayer(plan, &o)
	defer pl.close()
	if err := pl.open(ctx, p); err != nil {
		return summary, fmt.Errorf("play %s: %w", path, err)
	}
	stop := reportProgress(&pl.figures, o.Progress)
	err = pl.play(ctx)
	stop()
	pl.summarise(&summary)
	if err != nil {
		return summary, fmt.Errorf("play %s: %w", path, err)
	}
	return summary, nil
}
