package topic_test

import (
	"context"
	"fmt"

	"github.com/shmbus/shmbus/topic"
)

// A Door is open or closed.
type Door struct {
	Name string
	Open bool
}

func ExamplePublisherOptions_key() {
	p, leave := join()
	defer leave()
	ctx := context.Background()
	pub, err := topic.NewPublisher(ctx, p, "house/doors", &topic.PublisherOptions[Door]{
		Key: func(d Door) string { return d.Name },
	})
	check(err)
	for _, door := range []Door{{"front", true}, {"garden", false}, {"cellar", true}, {"front", false}} {
		_, err = pub.Publish(ctx, door)
		check(err)
	}
	for range 1000 { // many more than the publisher's Depth
		_, err = pub.Publish(ctx, Door{"garden", true})
		check(err)
	}
	pub.Dispose("cellar")

	sub, err := topic.NewSubscriber[Door](ctx, p, "house/doors", nil) // gets the newest sample of each key
	check(err)
	for range 2 {
		sample, err := sub.Receive(ctx)
		check(err)
		door, err := sample.Value()
		check(err)
		fmt.Printf("#%d %s is open: %v\n", sample.Sequence(), door.Name, door.Open)
		sample.Release()
	}
	// Output:
	// #4 front is open: false
	// #1004 garden is open: true
}
