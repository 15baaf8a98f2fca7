package topic_test

import (
	"context"
	"fmt"

	"github.com/shmbus/shmbus/topic"
)

func ExampleSubscriber_Latest() {
	p, leave := join()
	defer leave()
	ctx := context.Background()
	pub, err := topic.NewPublisher[float64](ctx, p, "robot/battery/charge", &topic.PublisherOptions[float64]{Latched: true})
	check(err)
	for _, charge := range []float64{0.81, 0.8, 0.79} {
		_, err := pub.Publish(ctx, charge)
		check(err)
	}
	sub, err := topic.NewSubscriber[float64](ctx, p, "robot/battery/charge", nil)
	check(err)

	for range 2 { // as often as it is needed, whether there is a new one or not
		sample, ok, err := sub.Latest()
		check(err)
		if !ok {
			fmt.Println("nothing was published yet")
			continue
		}
		charge, err := sample.Value()
		check(err)
		sample.Release()
		fmt.Println(charge)
	}
	// Output:
	// 0.79
	// 0.79
}
