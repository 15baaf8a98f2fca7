package main

import (
	"context"

	"capnproto.org/go/capnp/v3"

	types "github.com/shmbus/shmbus/internal/testcapnp" // what capnpc-go makes of a .capnp file
	"github.com/shmbus/shmbus/serde/capnproto"
	"github.com/shmbus/shmbus/topic"
)

// capnprotoSender publishes structs, which have their form in memory already. Subscribers read them where they are.
func capnprotoSender(ctx context.Context, p *topic.Participant) (sender, error) {
	pose, err := capnproto.New(types.Schema(), types.Pose_TypeID, types.NewRootPose)
	if err != nil {
		return nil, err
	}
	image, err := capnproto.New(types.Schema(), types.Image_TypeID, types.NewRootImage)
	if err != nil {
		return nil, err
	}
	points, err := capnproto.New(types.Schema(), types.PointCloud_TypeID, types.NewRootPointCloud)
	if err != nil {
		return nil, err
	}
	return newSender(ctx, p, pose, image, points, capnprotoOf)
}

func capnprotoOf(s observation) (types.Pose, types.Image, types.PointCloud) {
	pose := types.Build(types.NewRootPose, func(m types.Pose) error {
		m.SetStamp(s.Pose.Stamp)
		if err := m.SetFrameId(s.Pose.Frame); err != nil {
			return err
		}
		at, err := m.NewPosition()
		if err != nil {
			return err
		}
		at.SetX(s.Pose.Position.X)
		at.SetY(s.Pose.Position.Y)
		at.SetZ(s.Pose.Position.Z)
		o, err := m.NewOrientation()
		if err != nil {
			return err
		}
		o.SetX(s.Pose.Orientation.X)
		o.SetY(s.Pose.Orientation.Y)
		o.SetZ(s.Pose.Orientation.Z)
		o.SetW(s.Pose.Orientation.W)
		return nil
	})
	image := types.Build(types.NewRootImage, func(m types.Image) error {
		m.SetStamp(s.Image.Stamp)
		m.SetWidth(s.Image.Width)
		m.SetHeight(s.Image.Height)
		m.SetFormat(types.Image_Format_rgb8)
		if err := m.SetFrameId(s.Image.Frame); err != nil {
			return err
		}
		return m.SetData(s.Image.Data)
	})
	points := types.Build(types.NewRootPointCloud, func(m types.PointCloud) error {
		m.SetStamp(s.Points.Stamp)
		if err := m.SetFrameId(s.Points.Frame); err != nil {
			return err
		}
		list, err := capnp.NewFloat32List(m.Segment(), int32(len(s.Points.Points)))
		if err != nil {
			return err
		}
		for i, f := range s.Points.Points {
			list.Set(i, f)
		}
		return m.SetPoints(list)
	})
	return pose, image, points
}
