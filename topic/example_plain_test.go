package topic_test

import (
	"context"
	"fmt"
	"structs"

	"github.com/shmbus/shmbus/serde/plain"
	"github.com/shmbus/shmbus/topic"
)

// A PlainPose is a pose of fixed size. Its padding is declared.
type PlainPose struct {
	_       structs.HostLayout
	X, Y    float64
	Heading float32
	Valid   plain.Bool
	_       [3]byte
}

func Example_plainPose() {
	p, leave := join()
	defer leave()
	ctx := context.Background()

	codec, err := plain.New[PlainPose]()
	check(err)
	pub, err := topic.NewPublisher(ctx, p, "robot/pose", &topic.PublisherOptions[PlainPose]{Codec: codec})
	check(err)
	sub, err := topic.NewSubscriber(ctx, p, "robot/pose", &topic.SubscriberOptions[PlainPose]{Codec: codec})
	check(err)
	_, err = pub.Publish(ctx, PlainPose{X: 1, Y: 2, Valid: plain.True}) // one copy
	check(err)

	sample, err := sub.Receive(ctx)
	check(err)
	defer sample.Release()
	err = sample.Read(func(payload []byte) error {
		pose, err := codec.View(payload) // no copy
		if err != nil {
			return err
		}
		fmt.Println(pose.X, pose.Y, pose.Valid.IsTrue())
		return nil
	})
	check(err)
	// Output: 1 2 true
}

// A CloudHeader precedes the points of a cloud.
type CloudHeader struct {
	_             structs.HostLayout
	Stamp         int64 // nanoseconds
	Width, Height uint32
}

// A Point is one point of a cloud.
type Point struct {
	_                  structs.HostLayout
	X, Y, Z, Intensity float32
}

func Example_plainPointCloud() {
	p, leave := join()
	defer leave()
	ctx := context.Background()

	codec, err := plain.NewSlice[CloudHeader, Point]()
	check(err)
	type cloud = plain.Slice[CloudHeader, Point]
	pub, err := topic.NewPublisher(ctx, p, "lidar/points", &topic.PublisherOptions[cloud]{Codec: codec})
	check(err)
	sub, err := topic.NewSubscriber(ctx, p, "lidar/points", &topic.SubscriberOptions[cloud]{Codec: codec})
	check(err)

	const n = 10000
	loan, err := pub.Loan(ctx, codec.Size(n))
	check(err)
	header, points, err := codec.Overwrite(loan.Bytes(), n) // in shared memory
	check(err)
	header.Stamp, header.Width, header.Height = 1, n, 1
	for i := range points {
		points[i] = Point{X: float32(i), Z: 1}
	}
	_, err = loan.Commit(ctx, codec.Size(n))
	check(err)

	sample, err := sub.Receive(ctx)
	check(err)
	defer sample.Release()
	err = sample.Read(func(payload []byte) error {
		header, points, err := codec.View(payload) // in shared memory
		if err != nil {
			return err
		}
		fmt.Println(header.Width, len(points), points[n-1].X)
		return nil
	})
	check(err)
	// Output: 10000 10000 9999
}
