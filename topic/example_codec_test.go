package topic_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/topic"
)

func ExamplePublisherOptions_codec() {
	p, leave := join()
	defer leave()
	ctx := context.Background()

	codec := serde.CBOR[Pose]()
	pub, err := topic.NewPublisher(ctx, p, "robot/pose", &topic.PublisherOptions[Pose]{Codec: codec})
	check(err)
	sub, err := topic.NewSubscriber(ctx, p, "robot/pose", &topic.SubscriberOptions[Pose]{Codec: codec})
	check(err)

	_, err = pub.Publish(ctx, Pose{X: 1, Heading: math.Pi})
	check(err)
	sample, err := sub.Receive(ctx)
	check(err)
	defer sample.Release()
	pose, err := sample.Value()
	check(err)
	fmt.Println(sample.Type().Name, sample.Type().Encoding, pose)
	// Output: topic_test.Pose cbor {1 0 3.141592653589793}
}

func ExampleNewSubscriber_typeMismatch() {
	p, leave := join()
	defer leave()
	ctx := context.Background()

	_, err := topic.NewPublisher[Pose](ctx, p, "robot/pose", nil)
	check(err)
	_, err = topic.NewSubscriber[string](ctx, p, "robot/pose", nil)

	var mismatch *topic.TypeMismatchError
	if errors.As(err, &mismatch) {
		fmt.Println("published: ", mismatch.Publisher.TypeName, mismatch.Publisher.Encoding)
		fmt.Println("subscribed:", mismatch.Subscription.TypeName, mismatch.Subscription.Encoding)
	}
	// Output:
	// published:  topic_test.Pose msgpack
	// subscribed: string string
}

func ExampleSample_Value_damaged() {
	p, leave := join()
	defer leave()
	ctx := context.Background()

	pub, err := topic.NewPublisher[Pose](ctx, p, "robot/pose", nil)
	check(err)
	sub, err := topic.NewSubscriber[Pose](ctx, p, "robot/pose", nil)
	check(err)
	_, err = pub.PublishV(ctx, []byte("no MessagePack")) // PublishV takes encoded bytes, unchecked
	check(err)
	_, err = pub.Publish(ctx, Pose{X: 1})
	check(err)

	for range 2 {
		sample, err := sub.Receive(ctx)
		check(err)
		pose, err := sample.Value()
		var bad *serde.DecodeError
		if errors.As(err, &bad) {
			fmt.Printf("sample %d is not %s: %q\n", sample.Sequence(), bad.Type, sample.Bytes())
		} else {
			fmt.Println("sample", sample.Sequence(), "is", pose)
		}
		sample.Release()
	}
	// Output:
	// sample 1 is not topic_test.Pose: "no MessagePack"
	// sample 2 is {1 0 0}
}

func ExamplePublisherOptions_opaque() {
	p, leave := join()
	defer leave()
	ctx := context.Background()

	odometry := serde.Opaque(serde.Type{
		Name: "nav.Odometry", Encoding: "protobuf",
		SchemaEncoding: "protobuf", Schema: []byte("a FileDescriptorSet"),
	})
	pub, err := topic.NewPublisher(ctx, p, "robot/odometry", &topic.PublisherOptions[[]byte]{Codec: odometry})
	check(err)
	sub, err := topic.NewSubscriber[[]byte](ctx, p, "robot/odometry", nil) // takes any type
	check(err)

	_, err = pub.Publish(ctx, []byte{0x08, 0x01}) // made by your own proto.Marshal
	check(err)
	sample, err := sub.Receive(ctx)
	check(err)
	defer sample.Release()
	t := sample.Type()
	fmt.Printf("%s, %s, schema of %d bytes, payload %x\n", t.Name, t.Encoding, len(t.Schema), sample.Bytes())
	// Output: nav.Odometry, protobuf, schema of 19 bytes, payload 0801
}

// poseCodec encodes a Pose as three 64-bit floats, little-endian.
type poseCodec struct{}

func (poseCodec) Type() serde.Type             { return serde.Type{Name: "Pose", Encoding: "3f64le"} }
func (poseCodec) Encoder() serde.Encoder[Pose] { return poseCodec{} }
func (poseCodec) Decoder() serde.Decoder[Pose] { return poseCodec{} }

func (poseCodec) Append(dst []byte, v Pose) ([]byte, error) {
	for _, f := range []float64{v.X, v.Y, v.Heading} {
		dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(f))
	}
	return dst, nil
}

func (c poseCodec) Decode(src []byte, v *Pose) error {
	if len(src) != 24 {
		*v = Pose{}
		return &serde.DecodeError{Type: "Pose", Encoding: "3f64le", Err: fmt.Errorf("%d bytes, not 24", len(src))}
	}
	for i, f := range []*float64{&v.X, &v.Y, &v.Heading} {
		*f = math.Float64frombits(binary.LittleEndian.Uint64(src[8*i:]))
	}
	return nil
}

func ExamplePublisherOptions_ownCodec() {
	p, leave := join()
	defer leave()
	ctx := context.Background()

	pub, err := topic.NewPublisher(ctx, p, "robot/pose", &topic.PublisherOptions[Pose]{Codec: poseCodec{}})
	check(err)
	sub, err := topic.NewSubscriber(ctx, p, "robot/pose", &topic.SubscriberOptions[Pose]{Codec: poseCodec{}})
	check(err)
	_, err = pub.Publish(ctx, Pose{X: 1, Y: 2, Heading: 3})
	check(err)
	sample, err := sub.Receive(ctx)
	check(err)
	defer sample.Release()
	fmt.Println(len(sample.Bytes()))
	fmt.Println(sample.Value())
	// Output:
	// 24
	// {1 2 3} <nil>
}

func ExampleSample_Bytes_json() {
	p, leave := join()
	defer leave()
	ctx := context.Background()

	pub, err := topic.NewPublisher[Pose](ctx, p, "robot/pose", nil)
	check(err)
	sub, err := topic.NewSubscriber[[]byte](ctx, p, "**", nil)
	check(err)
	_, err = pub.Publish(ctx, Pose{X: 1, Y: 2})
	check(err)

	sample, err := sub.Receive(ctx)
	check(err)
	defer sample.Release()
	text, err := serde.ToJSON(sample.Type(), sample.Bytes())
	check(err)
	fmt.Printf("%s\n", text)
	// Output: {"Heading":0,"X":1,"Y":2}
}
