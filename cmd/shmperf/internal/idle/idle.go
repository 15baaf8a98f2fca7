package idle

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/shmbus/shmbus/cmd/shmperf/internal/stage"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/usage"
	"github.com/shmbus/shmbus/internal/subproc"
	"github.com/shmbus/shmbus/topic"
)

// Role is the name of the role.
const Role = "idler"

// settle is how long the process is left alone before it is measured.
const settle = time.Second

// An Order says what the process has.
type Order struct {
	stage.Where
	Topics        int           `json:"topics"`
	Subscriptions int           `json:"subscriptions"`
	Size          int           `json:"size"` // of the one sample that each topic gets before
	Depth         int           `json:"depth"`
	Duration      time.Duration `json:"duration"`
}

// A Result is what it cost.
type Result struct {
	Seconds float64     `json:"seconds"`
	Usage   usage.Usage `json:"usage"`
	Threads uint64      `json:"threads"`
	RSS     uint64      `json:"rss"`    // bytes
	Shared  uint64      `json:"shared"` // bytes of files of the domain
}

// Run measures on a stage of its own in parent.
func Run(ctx context.Context, parent string, o Order) (r Result, err error) {
	err = stage.On(ctx, parent, func(st *stage.Stage) error {
		o.Where = st.Where()
		idler, err := st.Crew.Start(Role, o)
		if err != nil {
			return err
		}
		return errors.Join(idler.Next(&r), idler.Finish())
	})
	return r, err
}

// Play is the role of the process that is idle.
func Play(ctx context.Context, d *subproc.Parent) error { return stage.Play(ctx, d, "idler", play) }

func play(ctx context.Context, at *stage.Post[Order]) (any, error) {
	o, p := at.Order, at.Participant
	if err := o.publish(ctx, p); err != nil {
		return nil, err
	}
	var receivers sync.WaitGroup
	defer receivers.Wait()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	for i := range o.Subscriptions {
		sub, err := topic.NewSubscriber[[]byte](p, o.topic(i), nil)
		if err != nil {
			return nil, err
		}
		receivers.Go(func() { _ = sub.Handle(ctx, func(topic.Sample[[]byte]) {}) }) // until the end
	}
	return o.measure(ctx)
}

// topic is the name of the i-th: those without a publisher have names too.
func (o *Order) topic(i int) string {
	if o.Topics > 0 {
		i %= o.Topics
	}
	return fmt.Sprintf("perf/idle/%d", i)
}

func (o *Order) publish(ctx context.Context, p *topic.Participant) error {
	payload := make([]byte, o.Size)
	for i := range o.Topics {
		pub, err := topic.NewPublisher(p, o.topic(i), &topic.PublisherOptions[[]byte]{Depth: o.Depth})
		if err != nil {
			return err
		}
		if _, err := pub.Publish(ctx, payload); err != nil {
			return err
		}
	}
	return nil
}

func (o *Order) measure(ctx context.Context) (Result, error) {
	if err := sleep(ctx, settle); err != nil {
		return Result{}, err
	}
	before, err := usage.Now()
	if err != nil {
		return Result{}, err
	}
	began := time.Now()
	if err := sleep(ctx, o.Duration); err != nil {
		return Result{}, err
	}
	took := time.Since(began)
	after, err := usage.Now()
	if err != nil {
		return Result{}, err
	}
	r := Result{Seconds: took.Seconds(), Usage: after.Since(before)}
	if r.Threads, r.RSS, err = usage.Size(); err != nil {
		return Result{}, err
	}
	dir, err := stage.DomainDir(o.Dir)
	if err != nil {
		return Result{}, err
	}
	r.Shared, err = usage.Shared(dir)
	return r, err
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
