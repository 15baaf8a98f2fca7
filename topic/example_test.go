package topic_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/shmbus/shmbus/topic"
)

// Pose is where a robot is and where it looks.
type Pose struct{ X, Y, Heading float64 }

// join makes this process a participant of a new domain of its own. A program calls topic.Join(nil), which is
// the default domain, and Close at the end.
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

	pub, err := topic.NewPublisher[Pose](ctx, p, "robot/pose", nil)
	check(err)
	sub, err := topic.NewSubscriber[Pose](ctx, p, "robot/pose", nil)
	check(err)

	reached, err := pub.Publish(ctx, Pose{X: 1, Y: 2})
	check(err)
	fmt.Println("subscriptions reached:", reached)

	sample, err := sub.Receive(ctx)
	check(err)
	defer sample.Release()
	pose, err := sample.Value()
	check(err)
	fmt.Printf("%s #%d: %+v\n", sample.Topic(), sample.Sequence(), pose)
	// Output:
	// subscriptions reached: 1
	// robot/pose #1: {X:1 Y:2 Heading:0}
}

func ExampleSubscriber_Samples() {
	p, leave := join()
	defer leave()
	ctx := context.Background()

	pub, err := topic.NewPublisher(ctx, p, "robot/battery", &topic.PublisherOptions[string]{Depth: 4})
	check(err)
	sub, err := topic.NewSubscriber[string](ctx, p, "robot/battery", nil)
	check(err)
	for percent := 100; percent > 90; percent-- { // more than the publisher keeps
		_, err := pub.Publish(ctx, fmt.Sprint(percent, " %"))
		check(err)
	}

	for sample, err := range sub.Samples(ctx) {
		check(err)
		text, err := sample.Value()
		check(err)
		fmt.Printf("#%d %s, %d lost before it\n", sample.Sequence(), text, sample.Lost())
		if sample.Sequence() == 10 {
			break
		}
	} // each sample is released at the end of its turn
	// Output:
	// #7 94 %, 6 lost before it
	// #8 93 %, 0 lost before it
	// #9 92 %, 0 lost before it
	// #10 91 %, 0 lost before it
}

func ExampleSubscriber_Handle() {
	p, leave := join()
	defer leave()
	ctx, stop := context.WithCancel(context.Background())
	defer stop()

	pub, err := topic.NewPublisher[string](ctx, p, "log", nil)
	check(err)
	sub, err := topic.NewSubscriber[string](ctx, p, "log", nil)
	check(err)
	for _, line := range []string{"starting", "ready"} {
		_, err := pub.Publish(ctx, line)
		check(err)
	}

	err = sub.Handle(ctx, func(sample topic.Sample[string]) {
		line, err := sample.Value()
		check(err)
		fmt.Println(line)
		if line == "ready" {
			stop()
		}
	})
	fmt.Println(errors.Is(err, context.Canceled))
	// Output:
	// starting
	// ready
	// true
}

func ExampleSubscriber_TryReceive() {
	p, leave := join()
	defer leave()
	ctx := context.Background()

	pub, err := topic.NewPublisher[string](ctx, p, "command", nil)
	check(err)
	sub, err := topic.NewSubscriber[string](ctx, p, "command", nil)
	check(err)

	for turn := range 3 { // a control loop must not wait
		if turn == 1 {
			_, err := pub.Publish(ctx, "stop")
			check(err)
		}
		sample, ok, err := sub.TryReceive()
		check(err)
		if !ok {
			fmt.Println("turn", turn, "no command")
			continue
		}
		command, err := sample.Value()
		check(err)
		fmt.Println("turn", turn, command)
		sample.Release()
	}
	// Output:
	// turn 0 no command
	// turn 1 stop
	// turn 2 no command
}

func ExamplePublisher_Loan() {
	p, leave := join()
	defer leave()
	ctx := context.Background()

	const width, height = 640, 480
	pub, err := topic.NewPublisher(ctx, p, "camera/front", &topic.PublisherOptions[[]byte]{InitialSampleSize: width * height})
	check(err)
	sub, err := topic.NewSubscriber[[]byte](ctx, p, "camera/front", nil)
	check(err)

	loan, err := pub.Loan(ctx, width*height)
	check(err)
	image := loan.Bytes()[:width*height] // shared memory, and not cleared: write every byte
	for i := range image {
		image[i] = byte(i)
	}
	_, err = loan.Commit(ctx, len(image)) // or loan.Discard()
	check(err)

	sample, err := sub.Receive(ctx)
	check(err)
	defer sample.Release()
	received := sample.Bytes() // the same memory, mapped read-only
	fmt.Println(len(received), received[255], received[256])
	// Output: 307200 255 0
}

func ExampleLoan_WriteAt() {
	p, leave := join()
	defer leave()
	ctx := context.Background()
	pub, err := topic.NewPublisher[[]byte](ctx, p, "camera/rear", nil)
	check(err)
	sub, err := topic.NewSubscriber[[]byte](ctx, p, "camera/rear", nil)
	check(err)

	// The camera's driver pads each row to a multiple of 4 KiB; the rows are published without the padding.
	const width, height, stride = 3840, 4, 4096
	buffer := bytes.Repeat([]byte{7}, stride*height)
	loan, err := pub.Loan(ctx, width*height)
	check(err)
	defer loan.Discard() // does nothing after Commit
	for y := range height {
		row := buffer[y*stride:][:width]
		_, err = loan.WriteAt(row, int64(y*width))
		check(err)
	}
	_, err = loan.Commit(ctx, width*height)
	check(err)

	sample, err := sub.Receive(ctx)
	check(err)
	defer sample.Release()
	fmt.Println(len(sample.Bytes()), bytes.Count(sample.Bytes(), []byte{7}))
	// Output: 15360 15360
}

func ExamplePublisher_PublishV() {
	p, leave := join()
	defer leave()
	ctx := context.Background()

	pub, err := topic.NewPublisher[[]byte](ctx, p, "lidar/packets", nil)
	check(err)
	sub, err := topic.NewSubscriber[[]byte](ctx, p, "lidar/packets", nil)
	check(err)

	header, points := []byte("scan 7:"), []byte("points")
	_, err = pub.PublishV(ctx, header, points) // one sample
	check(err)

	sample, err := sub.Receive(ctx)
	check(err)
	defer sample.Release()
	fmt.Printf("%s\n", sample.Bytes())
	// Output: scan 7:points
}

func ExampleNewSubscriber_pattern() {
	p, leave := join()
	defer leave()
	ctx := context.Background()

	sub, err := topic.NewSubscriber[[]byte](ctx, p, "robot/**", nil)
	check(err)

	// Topics that come later are covered too, whatever their type.
	poses, err := topic.NewPublisher[Pose](ctx, p, "robot/arm/pose", nil)
	check(err)
	states, err := topic.NewPublisher[string](ctx, p, "robot/state", nil)
	check(err)
	_, err = poses.Publish(ctx, Pose{X: 1})
	check(err)
	_, err = states.Publish(ctx, "moving")
	check(err)

	for range 2 {
		sample, err := sub.Receive(ctx)
		check(err)
		t := sample.Type()
		fmt.Printf("%s: %s in %s, %d bytes\n", sample.Topic(), t.Name, t.Encoding, len(sample.Bytes()))
		sample.Release()
	}
	// Unordered output:
	// robot/arm/pose: topic_test.Pose in msgpack, 40 bytes
	// robot/state: string in string, 6 bytes
}

func ExamplePublisherOptions_latched() {
	p, leave := join()
	defer leave()
	ctx := context.Background()

	pub, err := topic.NewPublisher(ctx, p, "robot/map", &topic.PublisherOptions[string]{Latched: true})
	check(err)
	_, err = pub.Publish(ctx, "the old hall")
	check(err)
	_, err = pub.Publish(ctx, "the new hall")
	check(err)

	sub, err := topic.NewSubscriber[string](ctx, p, "robot/map", nil) // comes late
	check(err)
	sample, err := sub.Receive(ctx)
	check(err)
	defer sample.Release()
	fmt.Println(sample.Value())
	// Output: the new hall <nil>
}

func ExampleSubscriberOptions_history() {
	p, leave := join()
	defer leave()
	ctx := context.Background()

	pub, err := topic.NewPublisher[string](ctx, p, "log", nil) // keeps the last 16
	check(err)
	for i := range 5 {
		_, err := pub.Publish(ctx, fmt.Sprint("line ", i))
		check(err)
	}

	sub, err := topic.NewSubscriber(ctx, p, "log", &topic.SubscriberOptions[string]{History: 2})
	check(err)
	for range 2 {
		sample, err := sub.Receive(ctx)
		check(err)
		fmt.Println(sample.Value())
		sample.Release()
	}
	// Output:
	// line 3 <nil>
	// line 4 <nil>
}

func ExampleSubscriberOptions_lossless() {
	p, leave := join()
	defer leave()
	ctx := context.Background()

	pub, err := topic.NewPublisher[string](ctx, p, "steps", nil)
	check(err)
	sub, err := topic.NewSubscriber(ctx, p, "steps", &topic.SubscriberOptions[string]{
		Lossless:        true,
		LosslessTimeout: time.Minute, // a publish waits no longer for a subscriber that takes nothing
	})
	check(err)

	const steps = 1000 // many more than the publisher keeps
	go func() {
		for i := range steps {
			_, err := pub.Publish(ctx, fmt.Sprint("step ", i))
			check(err)
		}
	}()
	for range steps {
		sample, err := sub.Receive(ctx)
		check(err)
		sample.Release()
	}
	stats := sub.Stats()
	fmt.Println("received", stats.Messages, "lost", stats.Lost)
	// Output: received 1000 lost 0
}

func ExampleParticipant_Events() {
	p, leave := join()
	defer leave()
	ctx := context.Background()

	_, err := topic.NewSubscriber[string](ctx, p, "robot/state", nil)
	check(err)

	seen := 0
	for event := range p.Events(ctx) { // what is there already comes first
		switch event.Kind {
		case topic.Joined, topic.Left, topic.Died:
			fmt.Println(event.Kind, event.Participant.Unit)
		case topic.Added, topic.Removed:
			fmt.Println(event.Kind, event.Endpoint.Kind, event.Endpoint.Topic)
		case topic.TypeMismatch:
			fmt.Println(event.Kind, event.Endpoint.TypeName, "on", event.Endpoint.Topic)
		}
		switch seen++; seen {
		case 2:
			_, err := topic.NewPublisher[Pose](ctx, p, "robot/state", nil) // not of the subscriber's type
			check(err)
		case 4:
			return
		}
	}
	// Unordered output:
	// joined example
	// added subscription robot/state
	// added publisher robot/state
	// type mismatch topic_test.Pose on robot/state
}

func ExamplePublisher_WaitSubscribers() {
	p, leave := join()
	defer leave()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	pub, err := topic.NewPublisher[string](ctx, p, "orders", nil)
	check(err)
	made := make(chan struct{})
	go func() {
		defer close(made)
		_, err := topic.NewSubscriber[string](ctx, p, "orders", nil)
		check(err)
	}()
	check(pub.WaitSubscribers(ctx, 1))
	fmt.Println(pub.Subscribers())
	<-made
	// Output: 1
}
