package hop

import (
	"context"
	"fmt"

	"github.com/shmbus/shmbus/cmd/shmperf/internal/pace"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/stage"
	"github.com/shmbus/shmbus/internal/subproc"
	"github.com/shmbus/shmbus/topic"
)

// topicOf is the name of the i-th topic.
func topicOf(i int) string { return fmt.Sprintf("perf/hop/%d", i) }

// Publish is the role of the process that publishes the topics, or has them and is silent.
func Publish(ctx context.Context, d *subproc.Parent) error {
	return stage.Play(ctx, d, "publisher", publish)
}

func publish(ctx context.Context, at *stage.Post[Order]) (any, error) {
	o := at.Order
	all := make([]*topic.Publisher[[]byte], o.Topics)
	for i := range all {
		opts := topic.PublisherOptions[[]byte]{InitialSampleSize: o.Size}
		var err error
		if all[i], err = topic.NewPublisher(at.Participant, topicOf(i), &opts); err != nil {
			return nil, err
		}
	}
	for _, pub := range all[:o.Receivers] {
		if err := pub.WaitSubscribers(ctx, 1); err != nil {
			return nil, err
		}
	}
	if err := at.Ready(); err != nil || o.Rate == 0 {
		return nil, err
	}
	payload, turns := make([]byte, o.Size), pace.New(o.Rate)
	for turns.Wait(ctx) == nil {
		for _, pub := range all {
			if _, err := pub.Publish(ctx, payload); err != nil && ctx.Err() == nil {
				return nil, err
			}
		}
	}
	return nil, nil
}
