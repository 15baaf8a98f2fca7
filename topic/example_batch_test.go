package topic_test

import (
	"context"
	"fmt"

	"github.com/shmbus/shmbus/topic"
)

func ExampleSubscriber_ReceiveBatch() {
	p, leave := join()
	defer leave()
	ctx := context.Background()
	pub, err := topic.NewPublisher[[]byte](ctx, p, "robot/encoder", nil)
	check(err)
	sub, err := topic.NewSubscriber[[]byte](ctx, p, "robot/encoder", nil)
	check(err)

	ticks := [][]byte{[]byte("left 1"), []byte("right 1"), []byte("left 2")}
	published, err := pub.PublishBatch(ctx, ticks) // three samples
	check(err)
	fmt.Println("published:", published)

	batch := make([]topic.Sample[[]byte], 16)
	n, err := sub.ReceiveBatch(ctx, batch) // waits for one, takes what is there
	check(err)
	for _, sample := range batch[:n] {
		fmt.Printf("#%d %s\n", sample.Sequence(), sample.Bytes())
		sample.Release()
	}
	// Output:
	// published: 3
	// #1 left 1
	// #2 right 1
	// #3 left 2
}
