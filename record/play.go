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

// PlayOptions: the zero value plays the whole file once, as fast as it was recorded. The expressions are about topics as they
// are called in the recording.
type PlayOptions struct {
	Rate    float64        // speed; 0 = 1 = as recorded, 2 = twice as fast
	Max     bool           // as fast as possible; Rate and MaxGap are ignored
	MaxGap  time.Duration  // a longer time without a message in the recording is played as one of this length; 0 = as it is
	Loop    bool           // again and again until the context ends
	Topics  *regexp.Regexp // play topics that match; nil = all
	Exclude *regexp.Regexp // but not these; nil = none
	Latched *regexp.Regexp // latch these, besides those that the recording calls latched; nil = none
	// Rename says which topics of the recording are played under which other name. Names that are no topic names here and are
	// not renamed are changed to ones that are; Mapped hears of it.
	Rename map[string]string
	// WaitSubscribers is how many subscriptions every publisher must have before the first message; 0 = do not wait.
	WaitSubscribers int
	WaitTimeout     time.Duration // gives up waiting for them; 0 = when the context ends
	// Memory is how many bytes may be used to read the file; what does not fit is left out and is part of Summary.Damage.
	// 0 = mcapfile.DefaultMemory and, once, what the largest message needs.
	Memory uint64
	// Mapped is called once, before anything is published, with what is played otherwise than it was recorded. It is not called
	// when there is nothing.
	Mapped func([]Mapping)
	// LongGap is called when nothing is to be published for a minute or more, with how long that is.
	LongGap func(time.Duration)
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
	if c.WaitSubscribers < 0 || c.WaitTimeout < 0 || c.MaxGap < 0 {
		return c, fmt.Errorf("play: a number of subscribers, a timeout or a gap is negative")
	}
	for from, to := range c.Rename {
		if err := registry.CheckTopic(to); err != nil {
			return c, fmt.Errorf("play: rename topic %s: %w", quote(from), err)
		}
	}
	return c, nil
}

func (o *PlayOptions) wants(topic string) bool {
	return (o.Topics == nil || o.Topics.MatchString(topic)) && (o.Exclude == nil || !o.Exclude.MatchString(topic))
}

// Play publishes the messages of an MCAP file, from any tool, in p's domain: by log time, equal times in file order. Each topic
// has the recorded type. Publishers that were there at the same time are publishers of their own, up to 64 of one topic and
// type; one that came when another was gone takes its place. The publishers exist before the first message, as many as a
// participant can have.
//
// What cannot be published as it is, a name that is none here or a schema that is too large, is changed; PlayOptions.Mapped
// hears of it, and a recording of the replay has the names from before in the metadata of its channels.
//
// The file is read twice: once to find what is in it, which for a long recording takes its time, and then to play it, from
// bounded memory. What is damaged is left out; Summary.Damage says so.
//
// The schedule is absolute: a message that is late is published at once, never dropped, and does not delay those after
// it. Where a lossless subscription is behind, Play waits for it. With Loop a pass takes at least as long as the recording, with
// all its topics, and a second where that is less than 10 ms; with Max it takes as long as it takes. When ctx ends, Play stops
// and returns ctx's error.
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
	plan, err := mcapfile.NewPlan(f, size, &mcapfile.Limits{Memory: o.Memory}, func(c *mcapfile.Channel) bool { return o.wants(c.Topic) })
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
	names, err := mapNames(topicsOf(plan), o.Rename)
	if err != nil {
		return summary, fmt.Errorf("play %s: %w", path, err)
	}
	set := newStreamSet(plan.Channels, names, &o)
	summary.Mapped = set.mappings
	if len(set.mappings) > 0 && o.Mapped != nil {
		o.Mapped(set.mappings)
	}
	pl := newPlayer(p, plan, set, &o)
	defer pl.close()
	if err := pl.open(ctx); err != nil {
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

// topicsOf lists the topics of a plan by order of appearance.
func topicsOf(plan *mcapfile.Plan) (topics []string) {
	seen := make(map[string]bool)
	for _, c := range plan.Channels {
		if !seen[c.Topic] {
			seen[c.Topic] = true
			topics = append(topics, c.Topic)
		}
	}
	return topics
}
