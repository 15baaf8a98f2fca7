package topic_test

import (
	"context"
	"fmt"

	"github.com/shmbus/shmbus/serde/cdr"
	"github.com/shmbus/shmbus/topic"
)

// Twist is geometry_msgs/msg/Twist.
type Twist struct{ Linear, Angular Vector3 }

type Vector3 struct{ X, Y, Z float64 }

const twistSchema = `geometry_msgs/Vector3 linear
geometry_msgs/Vector3 angular
================================================================================
MSG: geometry_msgs/Vector3
float64 x
float64 y
float64 z
`

func ExamplePublisherOptions_ros2() {
	p, leave := join()
	defer leave()
	ctx := context.Background()

	codec, err := cdr.Codec[Twist]("geometry_msgs/msg/Twist", twistSchema)
	check(err)
	pub, err := topic.NewPublisher(ctx, p, "cmd_vel", &topic.PublisherOptions[Twist]{Codec: codec})
	check(err)
	sub, err := topic.NewSubscriber(ctx, p, "cmd_vel", &topic.SubscriberOptions[Twist]{Codec: codec})
	check(err)
	tool, err := topic.NewSubscriber[[]byte](ctx, p, "**", nil) // has no Go type
	check(err)

	_, err = pub.Publish(ctx, Twist{Linear: Vector3{X: 0.5}, Angular: Vector3{Z: -1}})
	check(err)
	sample, err := sub.Receive(ctx)
	check(err)
	defer sample.Release()
	twist, err := sample.Value()
	fmt.Println(twist, err)

	raw, err := tool.Receive(ctx)
	check(err)
	defer raw.Release()
	doc, err := cdr.ToJSON(raw.Type(), raw.Bytes())
	fmt.Println(string(doc), err)
	// Output:
	// {{0.5 0 0} {0 0 -1}} <nil>
	// {"linear":{"x":0.5,"y":0,"z":0},"angular":{"x":0,"y":0,"z":-1}} <nil>
}
