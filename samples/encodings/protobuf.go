package main

import (
	"context"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/shmbus/shmbus/internal/testpb" // what protoc-gen-go makes of a .proto file
	"github.com/shmbus/shmbus/serde/protobuf"
	"github.com/shmbus/shmbus/topic"
)

func protobufSender(ctx context.Context, p *topic.Participant) (sender, error) {
	return newSender(ctx, p, protobuf.Codec[*pb.Pose](), protobuf.Codec[*pb.Image](), protobuf.Codec[*pb.PointCloud](), protobufOf)
}

func protobufOf(s observation) (*pb.Pose, *pb.Image, *pb.PointCloud) {
	stamp := timestamppb.New(time.Unix(0, s.Pose.Stamp))
	at, o := s.Pose.Position, s.Pose.Orientation
	pose := &pb.Pose{
		Stamp: stamp, FrameId: s.Pose.Frame,
		Position:    &pb.Vector{X: at.X, Y: at.Y, Z: at.Z},
		Orientation: &pb.Quaternion{X: o.X, Y: o.Y, Z: o.Z, W: o.W},
	}
	image := &pb.Image{
		Stamp: stamp, FrameId: s.Image.Frame,
		Width: s.Image.Width, Height: s.Image.Height, Format: pb.Image_RGB8, Data: s.Image.Data,
	}
	return pose, image, &pb.PointCloud{Stamp: stamp, FrameId: s.Points.Frame, Points: s.Points.Points}
}
