package topic_test

import (
	"context"
	"fmt"

	"github.com/shmbus/shmbus/topic"
)

func ExampleSample_Lost() {
	p, leave := join()
	defer leave()
	ctx := context.Background()

	sub, err := topic.NewSubscriber[string](ctx, p, "log", nil)
	check(err)
	var pubs []*topic.Publisher[string]
	for _, lines := range []int{3, 100} { // two publishers of one topic
		pub, err := topic.NewPublisher[string](ctx, p, "log", nil)
		check(err)
		pubs = append(pubs, pub)
		for range lines {
			_, err := pub.Publish(ctx, "line")
			check(err)
		}
	}

	type count struct{ received, lost uint64 }
	counts := map[topic.PublisherID]count{}
	for {
		sample, ok, err := sub.TryReceive()
		check(err)
		if !ok {
			break
		}
		c := counts[sample.Publisher()]
		c.received++
		c.lost += sample.Lost()
		counts[sample.Publisher()] = c
		sample.Release()
	}
	for _, pub := range pubs {
		c := counts[pub.ID()]
		fmt.Println("received", c.received, "lost", c.lost, "published", pub.Stats().Messages)
	}
	fmt.Println("lost of both:", sub.Stats().Lost)
	// Output:
	// received 3 lost 0 published 3
	// received 16 lost 84 published 100
	// lost of both: 84
}

func ExampleSubscriberOptions_filter() {
	p, leave := join()
	defer leave()
	ctx := context.Background()

	sub, err := topic.NewSubscriber(ctx, p, "robot/**", &topic.SubscriberOptions[[]byte]{
		Patterns: []string{"clock"},
		Filter:   func(name string) bool { return name != "robot/debug" },
	})
	check(err)
	for _, name := range []string{"robot/debug", "robot/state", "clock", "weather"} {
		pub, err := topic.NewPublisher[string](ctx, p, name, nil)
		check(err)
		reached, err := pub.Publish(ctx, "something")
		check(err)
		fmt.Println(name, "reached", reached)
	}
	fmt.Println("publishers connected:", sub.Publishers())
	// Output:
	// robot/debug reached 0
	// robot/state reached 1
	// clock reached 1
	// weather reached 0
	// publishers connected: 2
}
