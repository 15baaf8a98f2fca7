package topic_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/shmbus/shmbus/topic"
)

func ExamplePublisher_Publish_errors() {
	p, leave := join()
	defer leave()
	ctx := context.Background()

	pub, err := topic.NewPublisher(ctx, p, "camera/front", &topic.PublisherOptions[[]byte]{MaxPayload: 1000, MemoryLimit: 1 << 20})
	check(err)
	_, err = pub.Publish(ctx, make([]byte, 1001))
	fmt.Println(err)
	var large *topic.TooLargeError
	if errors.As(err, &large) {
		fmt.Println("by bytes:", large.Size-large.Limit)
	}

	_, err = topic.NewPublisher[string](ctx, p, "robot//pose", nil)
	fmt.Println(err)

	check(pub.Close())
	_, err = pub.Publish(ctx, nil)
	fmt.Println(errors.Is(err, os.ErrClosed))
	// Output:
	// payload of 1001 bytes is larger than the publisher's limit of 1000; raise MaxPayload or split the payload
	// by bytes: 1
	// "robot//pose" is not a valid topic name: it must have no empty segment: no "//", no '/' at the end
	// true
}

func ExamplePublisherOptions_memoryLimit() {
	p, leave := join()
	defer leave()
	ctx := context.Background()

	pub, err := topic.NewPublisher(ctx, p, "camera/front", &topic.PublisherOptions[[]byte]{MemoryLimit: 4 << 20})
	check(err)
	sub, err := topic.NewSubscriber[[]byte](ctx, p, "camera/front", nil)
	check(err)

	image := make([]byte, 1<<20)
	held := 0
	for _, err = pub.Publish(ctx, image); err == nil; _, err = pub.Publish(ctx, image) {
		_, err := sub.Receive(ctx) // and never released
		check(err)
		held++
	}
	var space *topic.NoSlotError
	fmt.Println(held, "held,", errors.As(err, &space))
	fmt.Println("a slot takes", space.Needed, "bytes, there are", space.Available, "left of", space.Limit)
	// Output:
	// 3 held, true
	// a slot takes 1114112 bytes, there are 851968 left of 4194304
}

func ExampleSubscriberOptions_losslessTimeout() {
	p, leave := join()
	defer leave()
	ctx := context.Background()

	pub, err := topic.NewPublisher(ctx, p, "steps", &topic.PublisherOptions[string]{Depth: 4})
	check(err)
	sub, err := topic.NewSubscriber(ctx, p, "steps", &topic.SubscriberOptions[string]{Lossless: true, LosslessTimeout: time.Minute})
	check(err)

	for range 4 { // they are not received, so there is room for Depth of them only
		_, err := pub.Publish(ctx, "step")
		check(err)
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	_, err = pub.Publish(ctx, "step")
	fmt.Println(pub.Stats().Messages, errors.Is(err, context.DeadlineExceeded)) // the fifth was not published
	check(sub.Close())
	_, err = pub.Publish(context.Background(), "step") // there is no subscription to wait for any more
	fmt.Println(err)
	// Output:
	// 4 true
	// <nil>
}

func ExampleSubscriberOptions_maxHeld() {
	p, leave := join()
	defer leave()
	ctx := context.Background()

	pub, err := topic.NewPublisher[string](ctx, p, "log", nil)
	check(err)
	sub, err := topic.NewSubscriber(ctx, p, "log", &topic.SubscriberOptions[string]{MaxHeld: 2})
	check(err)
	for range 3 {
		_, err := pub.Publish(ctx, "line")
		check(err)
	}

	first, err := sub.Receive(ctx)
	check(err)
	_, err = sub.Receive(ctx)
	check(err)
	_, err = sub.Receive(ctx) // a third one would be held
	var limit *topic.LimitError
	fmt.Println(errors.As(err, &limit), limit.Limit)

	first.Release()
	third, err := sub.Receive(ctx)
	check(err)
	fmt.Println(third.Sequence())
	// Output:
	// true 2
	// 3
}

func ExampleJoin_errors() {
	_, err := topic.Join(&topic.Options{Dir: "robots", Domain: "default"})
	fmt.Println(err)
	_, err = topic.Join(&topic.Options{Dir: "/dev/shm/no-such/directory", Domain: "default"})
	fmt.Println(err)
	_, err = topic.Join(&topic.Options{Domain: "a/b"})
	var name *topic.NameError
	fmt.Println(errors.As(err, &name), err)
	// Output:
	// "robots" cannot be used as a domain directory: it is a relative path, which means another directory in every process; use an absolute one
	// join the domain: "/dev/shm/no-such/directory" cannot be used as a domain directory: it does not exist, /dev/shm/no-such neither; create /dev/shm/no-such/directory, or choose another (SHMBUS_DIR)
	// true "a/b" is not a valid domain name: it must hold no '/' and not begin with '.'
}
