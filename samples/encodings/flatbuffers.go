package main

import (
	"context"

	fb "github.com/google/flatbuffers/go"

	types "github.com/shmbus/shmbus/internal/testfb" // what flatc makes of a .fbs file
	"github.com/shmbus/shmbus/serde/flatbuffers"
	"github.com/shmbus/shmbus/topic"
)

// flatbuffersSender writes messages with a Builder. Subscribers read them where they are.
func flatbuffersSender(ctx context.Context, p *topic.Participant) (sender, error) {
	pose, err := flatbuffers.New[types.Pose]("testfb.Pose", types.Schema())
	if err != nil {
		return nil, err
	}
	image, err := flatbuffers.New[types.Image]("testfb.Image", types.Schema())
	if err != nil {
		return nil, err
	}
	points, err := flatbuffers.New[types.PointCloud]("testfb.PointCloud", types.Schema())
	if err != nil {
		return nil, err
	}
	return newSender(ctx, p, pose.Builds(), image.Builds(), points.Builds(), flatbuffersOf)
}

func flatbuffersOf(s observation) (pose, image, points flatbuffers.Build) {
	stamp := func(b *fb.Builder) fb.UOffsetT {
		return types.CreateTime(b, int32(s.Pose.Stamp/1e9), uint32(s.Pose.Stamp%1e9))
	}
	pose = func(b *fb.Builder) fb.UOffsetT {
		frame, at, o := b.CreateString(s.Pose.Frame), s.Pose.Position, s.Pose.Orientation
		types.PoseStart(b)
		types.PoseAddStamp(b, stamp(b))
		types.PoseAddFrameId(b, frame)
		types.PoseAddPosition(b, types.CreateVector(b, at.X, at.Y, at.Z))
		types.PoseAddOrientation(b, types.CreateQuaternion(b, o.X, o.Y, o.Z, o.W))
		return types.PoseEnd(b)
	}
	image = func(b *fb.Builder) fb.UOffsetT {
		frame, data := b.CreateString(s.Image.Frame), b.CreateByteVector(s.Image.Data)
		types.ImageStart(b)
		types.ImageAddStamp(b, stamp(b))
		types.ImageAddFrameId(b, frame)
		types.ImageAddWidth(b, s.Image.Width)
		types.ImageAddHeight(b, s.Image.Height)
		types.ImageAddFormat(b, types.FormatRGB8)
		types.ImageAddStep(b, 3*s.Image.Width)
		types.ImageAddData(b, data)
		return types.ImageEnd(b)
	}
	points = func(b *fb.Builder) fb.UOffsetT {
		frame, xyz := b.CreateString(s.Points.Frame), s.Points.Points
		types.PointCloudStartPointsVector(b, len(xyz)/3)
		for i := len(xyz) - 3; i >= 0; i -= 3 { // a Builder writes from the end
			types.CreatePoint(b, xyz[i], xyz[i+1], xyz[i+2], 0)
		}
		vector := b.EndVector(len(xyz) / 3)
		types.PointCloudStart(b)
		types.PointCloudAddStamp(b, stamp(b))
		types.PointCloudAddFrameId(b, frame)
		types.PointCloudAddPoints(b, vector)
		return types.PointCloudEnd(b)
	}
	return pose, image, points
}
