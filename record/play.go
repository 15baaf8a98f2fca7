package record

import (
	"context"
	"errors"
	"fmt"
	"math"
	"regexp"
	"time"

	"github.com/shmbus/shmbus/record/mcapfile"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/topic"
)

// PlayOptions: the zero value plays the whole file once, at the recorded speed. The regular expressions apply to the topic
// names of the recording.
type PlayOptions struct {
	Rate    float64        // speed; 0 = 1 = as recorded, 2 = twice as fast
	Max     bool           // as fast as possible; Rate and MaxGap are ignored
	MaxGap  time.Duration  // longest time without a message; longer gaps are shortened to it; 0 = unchanged
	Delay   time.Duration  // wait before the first message, after that for subscribers
	Loop    bool           // repeat until the context ends
	Topics  *regexp.Regexp // play topics that match; nil = all
	Exclude *regexp.Regexp // but not these; nil = none
	Latched *regexp.Regexp // latch these too, in addition to those latched in the recording; nil = none
	// Key returns the function that returns the key of a payload of a topic, as topic.PublisherOptions.Key; nil for a topic without
	// keys. Nil = no topic has keys. A topic with keys is latched.
	Key func(topic string, kind serde.Type) func(payload []byte) string

	// Start and End limit the time by which the messages are ordered: from Start on and before End; zero = no limit. The first
	// message is played at once. Latched topics have their state of the start.
	Start, End time.Time
	// StartElapsed and EndElapsed do the same by the time since the beginning of the recording; EndElapsed 0 = no limit.
	StartElapsed, EndElapsed time.Duration
	Duration                 time.Duration // of the recording, from the start on; 0 = no limit

	// Rename maps topics of the recording to the names under which they are played. Topics with names that are invalid here
	// and not renamed get a similar valid name, which Mapped reports.
	Rename map[string]string
	Prefix string // before the names of topics that are not renamed

	// Files are played together with the first one, in one order.
	Files []PlayFile
	Order Order // of the messages; messages of equal time keep the order of the files and that in the file

	Late      LatePolicy    // what becomes of late messages; never with Max
	LateAfter time.Duration // lateness that Late tolerates; default 10 ms
	Spin      time.Duration // busy wait before a message is due, for precision, such as 60 us; at most 1 ms

	// WaitSubscribers is the number of subscriptions that every publisher must have before the first message; 0 = do not
	// wait.
	WaitSubscribers int
	WaitTopics      *regexp.Regexp // topics whose subscribers are waited for; nil = all
	WaitTimeout     time.Duration  // longest wait for subscribers; 0 = until the context ends
	WaitTaken       bool           // return when the subscriptions have taken everything
	LockStep        *LockStep      // hold after each message until its consumer is done; nil = do not

	// OriginalStamps gives the samples the recorded publish times, which topic.Sample.Time returns and topic joins use. Age
	// limits and deadlines of subscriptions then count from these.
	OriginalStamps bool
	Clock          string        // topic on which the time of the recording is published, latched, as Clock; "" = none
	ClockInterval  time.Duration // time between two of these while no message is published; default 25 ms

	// Memory is the number of bytes for reading a file, of which a message may need half. Data that does not fit is skipped and reported in
	// Summary.Damage. 0 = mcapfile.DefaultMemory, and a file that needs more is refused with a *mcapfile.MemoryLimitError.
	Memory uint64

	// Requests sends the recorded requests of services to the servers that are there now, at their times. Topics and Exclude choose services
	// by name. Cancelled calls are cancelled again. Otherwise calls and goals are left out, which Summary.LeftOut says.
	Requests bool
	// CallTimeout bounds the wait for a busy server, and for answers after the last message; default 10 s.
	CallTimeout time.Duration

	Control *PlayControl // steers the replay; nil = it is not steered

	// Mapped is called once, before anything is published, with everything that is played under another name or without its
	// schema. It is not called if there is nothing.
	Mapped func([]Mapping)
	// LongGap is called before a wait of a minute or more, with its length.
	LongGap func(time.Duration)
	// Progress is called about once a second on a goroutine of its own, and not after Play has returned.
	Progress func(Progress)
}

// defaultCallTimeout is the default of PlayOptions.CallTimeout.
const defaultCallTimeout = 10 * time.Second

// maxSpin is the largest PlayOptions.Spin.
const maxSpin = time.Millisecond

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
	if c.LateAfter == 0 {
		c.LateAfter = defaultLateAfter
	}
	if c.ClockInterval == 0 {
		c.ClockInterval = defaultClockInterval
	}
	if c.CallTimeout == 0 {
		c.CallTimeout = defaultCallTimeout
	}
	for _, d := range []time.Duration{c.CallTimeout, c.WaitTimeout, c.MaxGap, c.Delay, c.StartElapsed, c.EndElapsed, c.Duration, c.LateAfter, c.ClockInterval} {
		if d < 0 {
			return c, fmt.Errorf("play: a timeout, a gap or another duration is negative: %v", d)
		}
	}
	if c.Spin < 0 || c.Spin > maxSpin {
		return c, fmt.Errorf("play: the spin of %v is not between 0 and %v", c.Spin, maxSpin)
	}
	if c.WaitSubscribers < 0 || c.LockStep != nil && (c.LockStep.Timeout < 0 || c.LockStep.Answers < 0) {
		return c, fmt.Errorf("play: a number of subscribers or answers, or the timeout of the lock-step, is negative")
	}
	for from, to := range c.Rename {
		if err := registry.CheckTopic(to); err != nil {
			return c, fmt.Errorf("play: rename topic %s: %w", quote(from), err)
		}
	}
	if c.Prefix != "" {
		if err := registry.CheckTopic(c.Prefix + "x"); err != nil {
			return c, fmt.Errorf("play: prefix %s: %w", quote(c.Prefix), err)
		}
	}
	if c.Clock != "" {
		if err := registry.CheckTopic(c.Clock); err != nil {
			return c, fmt.Errorf("play: clock %s: %w", quote(c.Clock), err)
		}
	}
	return c, nil
}

func (o *PlayOptions) wants(topic string) bool {
	return (o.Topics == nil || o.Topics.MatchString(topic)) && (o.Exclude == nil || !o.Exclude.MatchString(topic))
}

// Play publishes the messages of an MCAP file, or of all parts in a directory, in p's domain. A file may come from any tool.
// Messages of equal time keep the order of the file. Each topic has the recorded type.
//
// Recorded publishers that existed at the same time become separate publishers, up to 64 per topic and type. A recorded
// publisher that appeared after another one was gone reuses its publisher. The publishers are created before the first
// message, as many as a participant can have.
//
// A property that cannot be published unchanged, such as an invalid name or a schema that is too large, is changed.
// PlayOptions.Mapped reports it, and a recording of the replay has the original names in the metadata of its channels.
//
// A file is read twice: first for its contents, which takes time for a long recording, then for playing it. With a start, its index
// replaces the first reading, if it has one. The memory use is bounded. Damaged parts are skipped and reported in Summary.Damage.
//
// The schedule is absolute: a late message is published at once, and does not delay later ones, unless PlayOptions.Late says
// otherwise. Play waits for lossless subscriptions that are behind. With Loop, a pass takes at least the length of the recording
// with all its topics, or a second if that is less than 10 ms. With Max, a pass is not delayed. When ctx ends, Play stops and returns
// ctx's error.
func Play(ctx context.Context, p *topic.Participant, path string, opts *PlayOptions) (Summary, error) {
	summary := Summary{Path: path}
	o, err := opts.checked()
	if err != nil {
		return summary, err
	}
	files, err := openPlayFiles(path, &o)
	if err != nil {
		return summary, fmt.Errorf("play: %w", err)
	}
	defer files.close()
	summary.FileSize = files.size
	if files.damage != nil {
		summary.Damage = files.damage
		if limit := new(mcapfile.MemoryLimitError); o.Memory == 0 && errors.As(files.damage, &limit) {
			return summary, fmt.Errorf("play %s: %w", path, limit)
		}
	}
	if err := files.checkChoice(path, &o); err != nil {
		return summary, fmt.Errorf("play: %w", err)
	}
	channels := files.channels()
	summary.LeftOut = files.leftOut
	if o.Topics != nil && len(channels)+len(files.calls()) == 0 {
		if n := len(files.leftOut); n > 0 {
			return summary, fmt.Errorf("play %s: %q matches only services (%s): requests are sent again only with Requests, or --services requests", path, o.Topics, quote(files.leftOut[0]))
		}
		return summary, fmt.Errorf("play %s: it has no message on a topic that matches %q", path, o.Topics)
	}
	names, err := mapNames(topicsOf(channels), o.Rename, o.Prefix)
	if err != nil {
		return summary, fmt.Errorf("play %s: %w", path, err)
	}
	if other := names.taken[o.Clock]; other != "" {
		return summary, fmt.Errorf("play %s: the clock and topic %s would both be published on %q; choose another name for one, or leave the topic out", path, other, o.Clock)
	}
	set := newStreamSet(channels, names, &o)
	summary.Mapped = set.mappings
	if len(set.mappings) > 0 && o.Mapped != nil {
		o.Mapped(set.mappings)
	}
	pl := newPlayer(p, files, set, &o)
	defer pl.close()
	if err := pl.checkWindow(); err != nil {
		return summary, fmt.Errorf("play %s: %w", path, err)
	}
	defer o.Control.end()
	o.Control.know(topicsOf(append(channels, files.calls()...)))
	if err := o.Control.open(ctx, pl.open); errors.Is(err, errStopped) {
		pl.summarise(&summary)
		return summary, nil
	} else if err != nil {
		return summary, fmt.Errorf("play %s: %w", path, err)
	}
	stop := reportProgress(&pl.figures, o.Progress)
	err = pl.play(ctx)
	stop()
	pl.summarise(&summary)
	if damage := files.unread(); damage != nil {
		summary.Damage = damage
	}
	if err != nil {
		return summary, fmt.Errorf("play %s: %w", path, err)
	}
	return summary, nil
}

// topicsOf lists the topics of channels in order of appearance.
func topicsOf(channels []mcapfile.ChannelPlan) (topics []string) {
	seen := make(map[string]bool)
	for _, c := range channels {
		if !seen[c.Topic] {
			seen[c.Topic] = true
			topics = append(topics, c.Topic)
		}
	}
	return topics
}
