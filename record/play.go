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

// PlayOptions: the zero value plays the whole file once, at the recorded speed. The regular expressions apply to the topic
// names of the recording.
type PlayOptions struct {
	Rate    float64        // speed; 0 = 1 = as recorded, 2 = twice as fast
	Max     bool           // as fast as possible; Rate and MaxGap are ignored
	MaxGap  time.Duration  // longest time without a message; longer gaps are shortened to it; 0 = unchanged
	Loop    bool           // repeat until the context ends
	Topics  *regexp.Regexp // play topics that match; nil = all
	Exclude *regexp.Regexp // but not these; nil = none
	Latched *regexp.Regexp // latch these too, in addition to those latched in the recording; nil = none
	// Rename maps topics of the recording to the names under which they are played. Topics with names that are invalid here
	// and not renamed get a similar valid name, which Mapped reports.
	Rename map[string]string
	// WaitSubscribers is the number of subscriptions that every publisher must have before the first message; 0 = do not
	// wait.
	WaitSubscribers int
	WaitTimeout     time.Duration // longest wait for subscribers; 0 = until the context ends
	// Memory is the number of bytes for reading the file. Data that does not fit is skipped and reported in Summary.Damage.
	// 0 = mcapfile.DefaultMemory plus, once, the need of the largest message.
	Memory uint64
	// Mapped is called once, before anything is published, with everything that is played under another name or without its
	// schema. It is not called if there is nothing.
	Mapped func([]Mapping)
	// LongGap is called before a wait of a minute or more, with its length.
	LongGap func(time.Duration)
	// Progress is called about once a second on a goroutine of its own, and not after Play has returned.
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

// Play publishes the messages of an MCAP file in p's domain. The file may come from any tool. Messages are published by log
// time; messages of equal log time keep the order of the file. Each topic has the recorded type.
//
// Recorded publishers that existed at the same time become separate publishers, up to 64 per topic and type. A recorded
// publisher that appeared after another one was gone reuses its publisher. The publishers are created before the first
// message, as many as a participant can have.
//
// A property that cannot be published unchanged, such as an invalid name or a schema that is too large, is changed.
// PlayOptions.Mapped reports it, and a recording of the replay has the original names in the metadata of its channels.
//
// The file is read twice: first for its contents, which takes time for a long recording, then for playing it. The memory
// use is bounded. Damaged parts are skipped and reported in Summary.Damage.
//
// The schedule is absolute: a late message is published at once, never dropped, and does not delay later ones. Play waits
// for lossless subscriptions that are behind. With Loop, a pass takes at least the length of the recording with all its
// topics, or a second if that is less than 10 ms. With Max, a pass is not delayed. When ctx ends, Play stops and returns
// ctx's error.
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

// topicsOf lists the topics of a plan in order of appearance.
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
