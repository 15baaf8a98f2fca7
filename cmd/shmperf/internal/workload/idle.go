package workload

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/shmbus/shmbus/cmd/shmperf/internal/harness"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/measure"
	"github.com/shmbus/shmbus/topic"
)

// idleProcess is the name of the role.
const idleProcess = "idler"

// idleSettleTime is the time for which the process is idle before it is measured.
const idleSettleTime = time.Second

// An Idle is a process that takes part in a domain in which nothing happens.
type Idle struct {
	harness.Location
	Topics        int           `json:"topics"`
	Subscriptions int           `json:"subscriptions"`
	Size          int           `json:"size"` // of the one sample that is published on each topic before
	Depth         int           `json:"depth"`
	Duration      time.Duration `json:"duration"`
}

// An IdleResult is what the process used.
type IdleResult struct {
	Seconds float64       `json:"seconds"`
	Usage   measure.Usage `json:"usage"`
	Threads uint64        `json:"threads"`
	RSS     uint64        `json:"rss"`    // bytes
	Shared  uint64        `json:"shared"` // bytes of files of the domain
}

// Run measures in an environment in parent.
func (o Idle) Run(ctx context.Context, parent string) (r IdleResult, err error) {
	err = harness.Run(ctx, parent, func(env *harness.Environment) error {
		o.Location = env.Location()
		return env.RunOne(idleProcess, o, &r)
	})
	return r, err
}

func stayIdle(ctx context.Context, w *harness.Worker[Idle]) (any, error) {
	o, p := w.Request, w.Participant
	if err := o.publish(ctx, p); err != nil {
		return nil, err
	}
	var receivers sync.WaitGroup
	defer receivers.Wait()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	for i := range o.Subscriptions {
		sub, err := topic.NewSubscriber[[]byte](ctx, p, o.topicName(i), nil)
		if err != nil {
			return nil, err
		}
		receivers.Go(func() { _ = sub.Handle(ctx, func(topic.Sample[[]byte]) {}) }) // until the end
	}
	return o.measure(ctx)
}

// topicName is the name of the i-th topic. Topics without a publisher have names, too.
func (o *Idle) topicName(i int) string {
	if o.Topics > 0 {
		i %= o.Topics
	}
	return fmt.Sprintf("perf/idle/%d", i)
}

func (o *Idle) publish(ctx context.Context, p *topic.Participant) error {
	payload := make([]byte, o.Size)
	for i := range o.Topics {
		pub, err := topic.NewPublisher(ctx, p, o.topicName(i), &topic.PublisherOptions[[]byte]{Depth: o.Depth})
		if err != nil {
			return err
		}
		if _, err := pub.Publish(ctx, payload); err != nil {
			return err
		}
	}
	return nil
}

func (o *Idle) measure(ctx context.Context) (IdleResult, error) {
	if err := sleep(ctx, idleSettleTime); err != nil {
		return IdleResult{}, err
	}
	before, err := measure.ReadUsage()
	if err != nil {
		return IdleResult{}, err
	}
	began := time.Now()
	if err := sleep(ctx, o.Duration); err != nil {
		return IdleResult{}, err
	}
	took := time.Since(began)
	after, err := measure.ReadUsage()
	if err != nil {
		return IdleResult{}, err
	}
	r := IdleResult{Seconds: took.Seconds(), Usage: after.Since(before)}
	if r.Threads, r.RSS, err = measure.ProcessSize(); err != nil {
		return IdleResult{}, err
	}
	r.Shared, err = domainMemory(o.Dir)
	return r, err
}
