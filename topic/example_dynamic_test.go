package topic_test

import (
	"context"
	"fmt"

	"github.com/shmbus/shmbus/internal/testpb"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/serde/cdr"
	"github.com/shmbus/shmbus/serde/dynamic"
	"github.com/shmbus/shmbus/serde/protobuf"
	"github.com/shmbus/shmbus/topic"
)

func ExampleNewSubscriber_dynamic() {
	p, leave := join()
	defer leave()
	ctx := context.Background()

	tool, err := topic.NewSubscriber[[]byte](ctx, p, "**", nil) // takes every type
	check(err)
	publishVectors(ctx, p)

	var converter dynamic.Converter
	for range 3 {
		sample, err := tool.Receive(ctx)
		check(err)
		value, err := converter.ToValue(sample.Type(), sample.Bytes())
		check(err)
		if message, ok := value.(map[string]any); ok {
			fmt.Printf("%s: x is %v, a %T\n", sample.Type().Encoding, message["x"], message["x"])
		}
		sample.Release()
	}
	// Output:
	// json: x is 0.5, a float64
	// protobuf: x is 1, a float64
	// cdr: x is 1.5, a float64
}

// publishVectors publishes one message in each of three encodings.
func publishVectors(ctx context.Context, p *topic.Participant) {
	type point struct {
		X float64 `json:"x"`
	}
	text, err := topic.NewPublisher(ctx, p, "text", &topic.PublisherOptions[point]{Codec: serde.JSON[point]()})
	check(err)
	_, err = text.Publish(ctx, point{0.5})
	check(err)
	message, err := topic.NewPublisher(ctx, p, "message", &topic.PublisherOptions[*testpb.Vector]{Codec: protobuf.Codec[*testpb.Vector]()})
	check(err)
	_, err = message.Publish(ctx, &testpb.Vector{X: 1})
	check(err)
	codec, err := cdr.Codec[Vector3]("geometry_msgs/msg/Vector3", "float64 x\nfloat64 y\nfloat64 z\n")
	check(err)
	ros, err := topic.NewPublisher(ctx, p, "ros", &topic.PublisherOptions[Vector3]{Codec: codec})
	check(err)
	_, err = ros.Publish(ctx, Vector3{X: 1.5})
	check(err)
}
