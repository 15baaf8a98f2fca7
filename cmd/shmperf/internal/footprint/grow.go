package footprint

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/shmbus/shmbus/cmd/shmperf/internal/stage"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/usage"
	"github.com/shmbus/shmbus/internal/subproc"
	"github.com/shmbus/shmbus/topic"
)

// Publish is the role of the process that has the topics.
func Publish(ctx context.Context, d *subproc.Parent) error {
	return stage.Play(ctx, d, "publisher", func(ctx context.Context, at *stage.Post[Order]) (any, error) {
		o, payload := at.Order, make([]byte, at.Order.Size)
		return nil, follow(ctx, at, func(i int) error {
			opts := topic.PublisherOptions[[]byte]{Depth: o.Depth, InitialSampleSize: o.Size}
			pub, err := topic.NewPublisher(at.Participant, nameOf(i), &opts)
			if err != nil {
				return err
			}
			if err := pub.WaitSubscribers(ctx, o.Subscribers); err != nil {
				return err
			}
			_, err = pub.Publish(ctx, payload)
			return err
		})
	})
}

// Subscribe is the role of a process that receives all of them.
func Subscribe(ctx context.Context, d *subproc.Parent) error {
	return stage.Play(ctx, d, "subscriber", func(ctx context.Context, at *stage.Post[Order]) (any, error) {
		return nil, follow(ctx, at, func(i int) error {
			// A sample that was there before it subscribed counts too, or it might wait for one in vain.
			sub, err := topic.NewSubscriber(at.Participant, nameOf(i), &topic.SubscriberOptions[[]byte]{History: 1})
			if err != nil {
				return err
			}
			s, err := sub.Receive(ctx)
			s.Release()
			return err
		})
	})
}

func nameOf(i int) string { return fmt.Sprintf("perf/memory/%d", i) }

// follow adds topics as it is told and then says how large the process is.
func follow[O stage.Ordered](ctx context.Context, at *stage.Post[O], add func(i int) error) error {
	if err := at.Ready(); err != nil {
		return err
	}
	for topics := 0; ; {
		var s step
		select {
		case line := <-at.Told():
			if err := json.Unmarshal(line, &s); err != nil {
				return err
			}
		case <-ctx.Done():
			return nil
		}
		for ; topics < s.Topics; topics++ {
			if err := add(topics); err != nil {
				return err
			}
		}
		time.Sleep(settle)
		p, err := size()
		if err != nil {
			return err
		}
		if err := at.Reply(p); err != nil {
			return err
		}
	}
}

// settle is how long a process has been idle when it is measured.
const settle = 200 * time.Millisecond

func size() (p Process, err error) {
	p.Threads, p.RSS, err = usage.Size()
	return p, err
}
