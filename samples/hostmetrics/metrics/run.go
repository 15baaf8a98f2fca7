package metrics

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/shmbus/shmbus/samples/hostmetrics/proc"
	"github.com/shmbus/shmbus/topic"
)

// Options say what to publish and for how long. The zero value publishes this machine's figures until the context ends.
type Options struct {
	Root     *proc.Root    // whose figures; nil = this machine's
	Duration time.Duration // 0 = until the context ends
	Rate     float64       // multiplies every rate; 0 = 1
	// Subscribers is how many subscriptions every topic must have before the first message; 0 = do not wait.
	Subscribers int
	// Started is called once, right before the first message.
	Started func(topics int)
}

// maxRate bounds Options.Rate: 20 kHz on the fastest topic is past what timers do.
const maxRate = 100

// A Report is the truth about a run, counted by the publishers themselves.
type Report struct {
	Messages uint64        `json:"messages"`
	Topics   []TopicReport `json:"topics"` // sorted by name
}

// A TopicReport is the part of a Report that concerns one topic.
type TopicReport struct {
	Topic    string  `json:"topic"`
	Encoding string  `json:"encoding"`
	Messages uint64  `json:"messages"`
	Rate     float64 `json:"rate_hz"`         // measured, from the first message to the last; 0 for fewer than two
	Nominal  float64 `json:"nominal_rate_hz"` // asked for
	// Missed counts turns without a message: the machine was too busy, or had no figures to give.
	Missed uint64 `json:"missed"`
}

// Plan returns what Run would publish, without joining anything: topics with encodings and nominal rates.
func Plan(opts *Options) (Report, error) {
	list, err := plan(opts)
	return report(list), err
}

func plan(opts *Options) ([]*source, error) {
	o := deref(opts)
	if o.Rate < 0 || o.Rate > maxRate || o.Rate != o.Rate {
		return nil, fmt.Errorf("a rate of %v times the usual: more than 0 and at most %d is possible", o.Rate, maxRate)
	}
	if o.Duration < 0 {
		return nil, fmt.Errorf("a duration of %v", o.Duration)
	}
	root := proc.Machine()
	if o.Root != nil {
		root = *o.Root
	}
	list := sources(root, uint64(os.Getpagesize()))
	for _, s := range list {
		s.rate *= cmp.Or(o.Rate, 1)
	}
	return list, nil
}

func deref(o *Options) Options {
	if o == nil {
		return Options{}
	}
	return *o
}

// Run publishes in p's domain until the duration is over or ctx ends; both are orderly ends and no error. The report counts
// what was published, also when Run returns an error.
func Run(ctx context.Context, p *topic.Participant, opts *Options) (_ Report, err error) {
	o := deref(opts)
	list, err := plan(opts)
	if err != nil {
		return Report{}, err
	}
	var all []channel
	for _, s := range list {
		all = append(all, s.channels...)
	}
	defer func() { err = errors.Join(err, closeAll(all)) }()
	for _, s := range list {
		for _, c := range s.channels {
			if err := c.open(ctx, p, s.rate); err != nil {
				return report(list), unlessEnded(ctx, err)
			}
		}
	}
	for _, c := range all {
		if err := c.waitSubscribers(ctx, o.Subscribers); err != nil {
			return report(list), unlessEnded(ctx, err)
		}
	}
	if o.Started != nil {
		o.Started(len(all))
	}
	err = runAll(ctx, list, o.Duration)
	return report(list), err
}

// runAll gives every source its goroutine. The first that cannot publish ends all.
func runAll(ctx context.Context, list []*source, duration time.Duration) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	start := time.Now()
	var end time.Time
	if duration > 0 {
		end = start.Add(duration)
	}
	var wg sync.WaitGroup
	errs := make([]error, len(list))
	for i, s := range list {
		wg.Go(func() {
			grid := schedule{start: start, end: end, period: time.Duration(float64(time.Second) / s.rate)}
			missed, err := grid.run(ctx, func(due time.Time) error { return s.turn(ctx, due) })
			s.missed = missed
			if errs[i] = unlessEnded(ctx, err); errs[i] != nil {
				cancel(errs[i])
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// unlessEnded turns the error of a call that the end of ctx cut short into none: that is how a run is stopped.
func unlessEnded(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil
	}
	return err
}

func report(list []*source) Report {
	var r Report
	for _, s := range list {
		for _, c := range s.channels {
			t := c.report()
			t.Nominal, t.Missed = s.rate, s.missed+s.unread
			r.Messages += t.Messages
			r.Topics = append(r.Topics, t)
		}
	}
	slices.SortFunc(r.Topics, func(a, b TopicReport) int { return cmp.Compare(a.Topic, b.Topic) })
	return r
}
