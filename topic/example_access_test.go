package topic_test

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/shmbus/shmbus/topic"
)

func ExampleOptions_readOnly() {
	robot, leave := join()
	defer leave()
	ctx := context.Background()
	pub, err := topic.NewPublisher[string](ctx, robot, "robot/state", &topic.PublisherOptions[string]{Latched: true})
	check(err)
	_, err = pub.Publish(ctx, "ready")
	check(err)

	dir, domain := filepath.Split(robot.Dir())
	p, err := topic.Join(&topic.Options{Dir: dir, Domain: domain, ReadOnly: true})
	check(err)
	defer p.Close()
	sub, err := topic.NewSubscriber[string](ctx, p, "robot/state", nil)
	check(err)
	sample, err := sub.Receive(ctx)
	check(err)
	defer sample.Release()
	state, err := sample.Value()
	check(err)
	fmt.Println(state, "and subscribers:", pub.Subscribers())
	// Output: ready and subscribers: 0
}
