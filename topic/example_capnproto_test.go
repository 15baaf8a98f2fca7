package topic_test

import (
	"context"
	"fmt"

	"github.com/shmbus/shmbus/internal/testcapnp"
	"github.com/shmbus/shmbus/serde/capnproto"
	"github.com/shmbus/shmbus/topic"
)

func Example_capnproto() {
	p, leave := join()
	defer leave()
	ctx := context.Background()

	codec, err := capnproto.New(testcapnp.Schema(), testcapnp.Image_TypeID, testcapnp.NewRootImage)
	check(err)
	pub, err := topic.NewPublisher(ctx, p, "camera/image", &topic.PublisherOptions[testcapnp.Image]{Codec: codec})
	check(err)
	sub, err := topic.NewSubscriber(ctx, p, "camera/image", &topic.SubscriberOptions[testcapnp.Image]{Codec: codec})
	check(err)

	loan, err := pub.Loan(ctx, 640*480+1000)
	check(err)
	n, err := codec.Build(loan.Bytes(), func(image testcapnp.Image) error { // in shared memory
		image.SetWidth(640)
		image.SetHeight(480)
		return image.SetData(make([]byte, 640*480))
	})
	if err != nil {
		loan.Discard()
		check(err)
	}
	_, err = loan.Commit(ctx, n)
	check(err)

	sample, err := sub.Receive(ctx)
	check(err)
	defer sample.Release()
	err = sample.Read(func(payload []byte) error {
		return codec.Read(payload, func(image testcapnp.Image) error { // in shared memory
			data, err := image.Data()
			fmt.Println(image.Width(), image.Height(), len(data))
			return err
		})
	})
	check(err)
	// Output: 640 480 307200
}
