package topic_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/shmbus/shmbus/topic"
)

func ExampleSubscriberOptions_maxAge() {
	p, leave := join()
	defer leave()
	ctx := context.Background()

	pub, err := topic.NewPublisher[string](ctx, p, "robot/obstacle", nil)
	check(err)
	sub, err := topic.NewSubscriber(ctx, p, "robot/obstacle", &topic.SubscriberOptions[string]{
		MaxAge: 100 * time.Millisecond, // what is older is of no use
	})
	check(err)

	_, err = pub.Publish(ctx, "a wall")
	check(err)
	time.Sleep(200 * time.Millisecond) // the subscriber is busy
	for {
		_, err = pub.Publish(ctx, "a door")
		check(err)
		sample, ok, err := sub.TryReceive()
		check(err)
		if !ok {
			continue // even that one became too old
		}
		text, err := sample.Value()
		check(err)
		fmt.Println(text, "after", sample.Lost(), "lost")
		sample.Release()
		break
	}
	fmt.Println("some were stale:", sub.Stats().Stale > 0)
	// Output:
	// a door after 0 lost
	// some were stale: true
}

func ExampleSubscriberOptions_minSeparation() {
	p, leave := join()
	defer leave()
	ctx := context.Background()

	sub, err := topic.NewSubscriber(ctx, p, "robot/**", &topic.SubscriberOptions[int]{
		MinSeparation: time.Minute, // a display needs no more
	})
	check(err)
	for _, name := range []string{"robot/left", "robot/right"} {
		pub, err := topic.NewPublisher(ctx, p, name, &topic.PublisherOptions[int]{Depth: 128})
		check(err)
		for i := range 100 {
			_, err := pub.Publish(ctx, i)
			check(err)
		}
	}
	for range 2 {
		sample, err := sub.Receive(ctx)
		check(err)
		fmt.Println(sample.Topic(), sample.Sequence())
		sample.Release()
	}
	_, ok, err := sub.TryReceive()
	check(err)
	stats := sub.Stats()
	fmt.Println("more:", ok, "received:", stats.Messages, "filtered:", stats.Filtered, "lost:", stats.Lost)
	// Unordered output:
	// robot/left 1
	// robot/right 1
	// more: false received: 2 filtered: 198 lost: 0
}

func ExampleSubscriberOptions_deadline() {
	p, leave := join()
	defer leave()
	ctx := context.Background()

	_, err := topic.NewSubscriber(ctx, p, "robot/imu", &topic.SubscriberOptions[float64]{
		Deadline: 20 * time.Millisecond, // the sensor sends every 10 ms
	})
	check(err)
	pub, err := topic.NewPublisher[float64](ctx, p, "robot/imu", nil)
	check(err)

	for event := range p.Events(ctx) {
		switch event.Kind {
		case topic.DeadlineMissed:
			var missed *topic.DeadlineError
			fmt.Println(event.Kind, event.Endpoint.Topic, errors.As(event.Err, &missed), event.Gap >= missed.Deadline)
			_, err := pub.Publish(ctx, 9.81) // the sensor is back
			check(err)
		case topic.DeadlineMet:
			fmt.Println(event.Kind, event.Endpoint.Topic)
			return
		}
	}
	// Output:
	// deadline missed robot/imu true true
	// deadline met robot/imu
}
