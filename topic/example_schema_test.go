package topic_test

import (
	"context"
	"fmt"

	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/serde/jsonschema"
	"github.com/shmbus/shmbus/topic"
)

func ExamplePublisherOptions_jsonSchema() {
	p, leave := join()
	defer leave()
	ctx := context.Background()

	type speed struct {
		Linear  float64 `json:"linear"`
		Angular float64 `json:"angular,omitempty"`
	}
	codec, err := jsonschema.Codec(serde.JSON[speed]())
	check(err)
	pub, err := topic.NewPublisher(ctx, p, "robot/speed", &topic.PublisherOptions[speed]{Codec: codec})
	check(err)
	sub, err := topic.NewSubscriber[speed](ctx, p, "robot/speed", &topic.SubscriberOptions[speed]{Codec: serde.JSON[speed]()})
	check(err)
	_, err = pub.Publish(ctx, speed{Linear: 0.5})
	check(err)

	sample, err := sub.Receive(ctx)
	check(err)
	defer sample.Release()
	fmt.Printf("%s, %s of %d bytes, %s\n", sample.Type().Encoding, sample.Type().SchemaEncoding, len(sample.Type().Schema), sample.Bytes())
	// Output: json, jsonschema of 193 bytes, {"linear":0.5}
}
