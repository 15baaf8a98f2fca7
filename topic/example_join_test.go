package topic_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"time"

	"github.com/shmbus/shmbus/topic"
)

// headerStamp reads the stamp with which the payload begins. It does not touch the rest.
func headerStamp(s topic.Sample[[]byte]) (time.Time, error) {
	b := s.Bytes()
	if len(b) < 8 {
		return time.Time{}, io.ErrUnexpectedEOF
	}
	return time.Unix(0, int64(binary.LittleEndian.Uint64(b))), nil
}

// A LidarScan is what a lidar publishes.
type LidarScan struct {
	Stamp  time.Time
	Ranges []float32
}

// A camera with 30 images a second and a lidar with 10 scans. Without the functions for the stamps, the times of publishing
// would count.
func ExampleJoin2() {
	p, leave := join()
	defer leave()
	ctx := context.Background()
	images, err := topic.NewPublisher[[]byte](ctx, p, "camera/image", nil)
	check(err)
	scans, err := topic.NewPublisher[LidarScan](ctx, p, "lidar/scan", nil)
	check(err)

	camera, err := topic.NewSubscriber[[]byte](ctx, p, "camera/image", nil)
	check(err)
	lidar, err := topic.NewSubscriber[LidarScan](ctx, p, "lidar/scan", nil)
	check(err)
	j, err := topic.NewJoin2(
		topic.JoinInput[[]byte]{Subscriber: camera, Stamp: headerStamp, MinInterval: 20 * time.Millisecond}, // shortens the wait
		topic.JoinInput[LidarScan]{Subscriber: lidar, Stamp: func(s topic.Sample[LidarScan]) (time.Time, error) {
			scan, err := s.Value()
			return scan.Stamp, err
		}},
		&topic.JoinOptions{Tolerance: 10 * time.Millisecond, MaxWait: 5 * time.Minute},
	)
	check(err)
	defer j.Close()

	begin := time.Unix(1_700_000_000, 0)
	for n := range 7 {
		image := make([]byte, 640*480)
		binary.LittleEndian.PutUint64(image, uint64(begin.Add(time.Duration(n)*33*time.Millisecond).UnixNano()))
		_, err := images.Publish(ctx, image)
		check(err)
	}
	for n := range 2 {
		_, err := scans.Publish(ctx, LidarScan{Stamp: begin.Add(time.Duration(n)*100*time.Millisecond + 36*time.Millisecond)})
		check(err)
	}

	for range 2 {
		pair, err := j.Receive(ctx)
		check(err)
		image := pair.A.Bytes() // in place
		scan, err := pair.B.Value()
		check(err)
		fmt.Println("image", pair.A.Sequence(), "of", len(image), "bytes, scan at", scan.Stamp.Sub(begin), "spread", pair.Spread)
		pair.Release()
	}
	// Output:
	// image 2 of 307200 bytes, scan at 36ms spread 3ms
	// image 5 of 307200 bytes, scan at 136ms spread 4ms
}

// Three cameras with one trigger give images with equal stamps.
func ExampleJoin3() {
	p, leave := join()
	defer leave()
	ctx := context.Background()
	var in []topic.JoinInput[[]byte]
	for _, name := range []string{"camera/left", "camera/middle", "camera/right"} {
		sub, err := topic.NewSubscriber[[]byte](ctx, p, name, nil)
		check(err)
		in = append(in, topic.JoinInput[[]byte]{Subscriber: sub, Stamp: headerStamp})
		pub, err := topic.NewPublisher[[]byte](ctx, p, name, nil)
		check(err)
		for n := range 4 {
			if name == "camera/right" && n == 1 {
				continue // this image is missing
			}
			_, err := pub.Publish(ctx, binary.LittleEndian.AppendUint64(nil, uint64(n*int(time.Second))))
			check(err)
		}
	}

	j, err := topic.NewJoin3(in[0], in[1], in[2], &topic.JoinOptions{MaxWait: 5 * time.Minute}) // Tolerance 0: equal stamps
	check(err)
	defer j.Close()
	for set, err := range j.Sets(ctx) {
		check(err)
		stamp, err := headerStamp(set.B)
		check(err)
		fmt.Println("images of second", stamp.Unix())
		if stamp.Unix() == 3 {
			break
		}
	}
	for i, s := range j.Stats().Inputs {
		fmt.Println("input", i, "received", s.Received, "used", s.Used, "without partner", s.NoPartner)
	}
	// Output:
	// images of second 0
	// images of second 2
	// images of second 3
	// input 0 received 4 used 3 without partner 1
	// input 1 received 4 used 3 without partner 1
	// input 2 received 3 used 3 without partner 0
}
