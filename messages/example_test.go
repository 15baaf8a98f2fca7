package messages_test

import (
	"context"
	"fmt"
	"image"
	"log"
	"os"
	"time"

	"github.com/shmbus/shmbus/messages"
	"github.com/shmbus/shmbus/messages/foxglove"
	"github.com/shmbus/shmbus/topic"
)

// join makes this process a participant of a new domain of its own. A program calls topic.Join(nil).
func join() (p *topic.Participant, leave func()) {
	dir, err := os.MkdirTemp("/dev/shm", "shmbus-example-")
	check(err)
	p, err = topic.Join(&topic.Options{Dir: dir, Unit: "example"})
	check(err)
	return p, func() {
		check(p.Close())
		check(os.RemoveAll(dir))
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func Example() {
	p, leave := join()
	defer leave()
	ctx := context.Background()

	codec := foxglove.Protobuf[messages.Image]()
	pub, err := topic.NewPublisher(ctx, p, "camera", &topic.PublisherOptions[messages.Image]{Codec: codec})
	check(err)
	sub, err := topic.NewSubscriber(ctx, p, "camera", &topic.SubscriberOptions[messages.Image]{Codec: codec})
	check(err)

	picture := image.NewRGBA(image.Rect(0, 0, 640, 480))
	_, err = pub.Publish(ctx, messages.ImageOf(messages.Header{Stamp: messages.TimeOf(time.Now()), FrameID: "camera"}, picture))
	check(err)
	sample, err := sub.Receive(ctx)
	check(err)
	defer sample.Release()
	img, err := sample.Value()
	check(err)
	fmt.Println(sample.Type().Name, img.Header.FrameID, img.Width, img.Height, img.Encoding, len(img.Data))
	// Output: foxglove.RawImage camera 640 480 rgb8 921600
}

func ExampleCDR() {
	p, leave := join()
	defer leave()
	ctx := context.Background()

	codec := messages.CDR[messages.LaserScan]()
	pub, err := topic.NewPublisher(ctx, p, "scan", &topic.PublisherOptions[messages.LaserScan]{Codec: codec})
	check(err)
	sub, err := topic.NewSubscriber(ctx, p, "scan", &topic.SubscriberOptions[messages.LaserScan]{Codec: codec})
	check(err)

	scan := messages.LaserScan{AngleMin: -0.5, AngleMax: 0.5, AngleIncrement: 0.5, RangeMin: 0.1, RangeMax: 30, Ranges: []float32{1.5, 1.25, 1.5}}
	scan.Header = messages.Header{Stamp: messages.TimeOf(time.Now()), FrameID: "laser"}
	_, err = pub.Publish(ctx, scan)
	check(err)
	sample, err := sub.Receive(ctx)
	check(err)
	defer sample.Release()
	got, err := sample.Value()
	fmt.Println(sample.Type().Name, sample.Type().Encoding, got.Ranges, err)
	// Output: sensor_msgs/msg/LaserScan cdr [1.5 1.25 1.5] <nil>
}

func ExampleImage_Image() {
	m := messages.Image{Width: 1, Height: 1, Encoding: messages.BGR8, Step: 3, Data: []byte{255, 128, 0}}
	img, err := m.Image() // for image/png and others
	fmt.Println(img.At(0, 0), err)

	m.Encoding = "yuyv"
	_, err = m.Image()
	fmt.Println(err)
	// Output:
	// {0 128 255 255} <nil>
	// show an image of encoding "yuyv": only mono8, rgb8 and bgr8 can be shown
}
