package workload

import (
	"context"
	"time"

	"github.com/shmbus/shmbus/cmd/shmperf/internal/harness"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/measure"
	"github.com/shmbus/shmbus/internal/clock"
	"github.com/shmbus/shmbus/topic"
)

// The names of the roles.
const (
	discoveryPublisher  = "discovery-publisher"
	discoverySubscriber = "discovery-subscriber"
	discoveryWatcher    = "discovery-watcher"
	discoveryVictim     = "discovery-victim"
)

const discoveryTopic = "perf/discovery"

// A Discovery is a subscriber that waits for publishers of another process: the delay from before NewPublisher until WaitPublishers
// has returned. Publishers of one topic follow each other, each after the previous one is closed. Both processes get it as their
// request.
type Discovery struct {
	harness.Location
	Count    uint64        `json:"count"`
	Warm     uint64        `json:"warm"`
	Duration time.Duration `json:"duration"` // 0: until Count is reached
}

// Matches are the figures of the publishers that were matched with the subscriber.
type Matches struct {
	Count uint64               `json:"count"`
	Usage measure.Usage        `json:"usage"`
	Seen  *measure.Percentiles `json:"seen"` // until WaitPublishers returned
	Made  *measure.Percentiles `json:"made"` // by NewPublisher
}

// Run measures in an environment in parent.
func (d Discovery) Run(ctx context.Context, parent string) (m Matches, err error) {
	err = harness.Run(ctx, parent, func(env *harness.Environment) (err error) {
		m, err = d.match(env)
		return err
	})
	return m, err
}

func (d Discovery) match(env *harness.Environment) (Matches, error) {
	d.Location = env.Location()
	subscriber, err := env.StartReady(discoverySubscriber, d)
	if err != nil {
		return Matches{}, err
	}
	publisher, err := env.Start(discoveryPublisher, d)
	if err != nil {
		return Matches{}, err
	}
	var m Matches
	var used measure.Usage
	if err := publisher.Next(&m); err != nil {
		return Matches{}, err
	}
	if err := subscriber.Next(&used); err != nil {
		return Matches{}, err
	}
	m.Usage = m.Usage.Plus(used)
	return m, harness.Finish(publisher, subscriber)
}

// The subscriber uses the words of two receivers: one for new publishers, the other for closed ones.
const (
	matched = iota
	unmatched
)

func publishRepeatedly(ctx context.Context, w *harness.Worker[Discovery]) (any, error) {
	d, c, seen, made := w.Request, clock.New(), measure.NewRecorder(), measure.NewRecorder()
	added, removed := w.Page.Receiver(matched), w.Page.Receiver(unmatched)
	var before measure.Usage
	began := int64(0)
	n := uint64(0)
	for last := false; !last; {
		n++
		if n == d.Warm+1 {
			seen.Reset()
			made.Reset()
			var err error
			if before, err = measure.ReadUsage(); err != nil {
				return nil, err
			}
			began = c.Now()
		}
		late := d.Duration > 0 && n > d.Warm && time.Duration(c.Now()-began) >= d.Duration
		if last = late || d.Count > 0 && n == d.Warm+d.Count; last {
			w.Page.Last().Store(n)
		}
		start := c.Now()
		pub, err := topic.NewPublisher[[]byte](ctx, w.Participant, discoveryTopic, nil)
		if err != nil {
			return nil, err
		}
		made.Record(c.Now() - start)
		if err := harness.SleepPoll(ctx, added.Done, n); err != nil {
			return nil, err
		}
		seen.Record(int64(added.Delay.Load()) - start)
		if err := pub.Close(); err != nil {
			return nil, err
		}
		if err := harness.SleepPoll(ctx, removed.Done, n); err != nil {
			return nil, err
		}
	}
	after, err := measure.ReadUsage()
	return Matches{Count: n - d.Warm, Usage: after.Since(before), Seen: seen.Result(), Made: made.Result()}, err
}

func awaitPublishers(ctx context.Context, w *harness.Worker[Discovery]) (any, error) {
	sub, err := topic.NewSubscriber[[]byte](ctx, w.Participant, discoveryTopic, nil)
	if err != nil {
		return nil, err
	}
	if err := w.Ready(); err != nil {
		return nil, err
	}
	c, added, removed := clock.New(), w.Page.Receiver(matched), w.Page.Receiver(unmatched)
	before, err := measure.ReadUsage()
	if err != nil {
		return nil, err
	}
	for n := uint64(1); ; n++ {
		if err := sub.WaitPublishers(ctx, 1); err != nil {
			return nil, err
		}
		added.Delay.Store(uint64(c.Now())) // a stamp in this workload
		added.Done.Store(n)
		for sub.Publishers() > 0 {
			// TryReceive removes a closed publisher. There is no sample.
			if _, _, err := sub.TryReceive(); err != nil {
				return nil, err
			}
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			time.Sleep(100 * time.Microsecond)
		}
		if n == w.Request.Warm {
			if before, err = measure.ReadUsage(); err != nil {
				return nil, err
			}
		}
		removed.Done.Store(n)
		if last := w.Page.Last().Load(); last != 0 && n >= last {
			break
		}
	}
	after, err := measure.ReadUsage()
	return after.Since(before), err
}
