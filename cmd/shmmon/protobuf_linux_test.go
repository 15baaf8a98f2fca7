package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/shmbus/shmbus/internal/testpb"
	"github.com/shmbus/shmbus/serde/protobuf"
	"github.com/shmbus/shmbus/topic"
)

// pose is a program for the scripts: "pose publish TOPIC" publishes a pose and damaged bytes to a subscription, "pose receive
// TOPIC COMMAND..." runs a command and prints the pose that the command publishes.
func pose() {
	if err := runPose(os.Args[1], os.Args[2], os.Args[3:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func runPose(way, name string, command []string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	p, err := topic.Join(nil)
	if err != nil {
		return err
	}
	defer p.Close()
	codec := protobuf.Codec[*testpb.Pose]()
	if way == "receive" {
		sub, err := topic.NewSubscriber(ctx, p, name, &topic.SubscriberOptions[*testpb.Pose]{Codec: codec})
		if err != nil {
			return err
		}
		cmd := exec.CommandContext(ctx, command[0], command[1:]...)
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		if err := cmd.Run(); err != nil {
			return err
		}
		s, err := sub.Receive(ctx)
		if err != nil {
			return err
		}
		defer s.Release()
		v, err := s.Value()
		if err == nil {
			fmt.Println(v.GetFrameId(), v.GetStamp().AsTime().Year(), v.GetPosition().GetX())
		}
		return err
	}
	pub, err := topic.NewPublisher(ctx, p, name, &topic.PublisherOptions[*testpb.Pose]{Codec: codec})
	if err != nil {
		return err
	}
	if err := pub.WaitSubscribers(ctx, 1); err != nil {
		return err
	}
	_, err = pub.Publish(ctx, testpb.NewPose())
	if err == nil {
		_, err = pub.PublishV(ctx, []byte{0x12, 0x01, 0xff})
	}
	return err
}
