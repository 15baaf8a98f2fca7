package main

import (
	"context"
	"structs"

	"github.com/shmbus/shmbus/serde/plain"
	"github.com/shmbus/shmbus/topic"
)

// PlainPose has the numbers of a pose. It has a fixed size, so its payload is its memory.
type PlainPose struct {
	_           structs.HostLayout
	Stamp       int64
	Position    PlainVector
	Orientation PlainQuaternion
}

type PlainVector struct {
	_       structs.HostLayout
	X, Y, Z float64
}

type PlainQuaternion struct {
	_          structs.HostLayout
	X, Y, Z, W float64
}

// PlainImage precedes the pixels of an image.
type PlainImage struct {
	_             structs.HostLayout
	Stamp         int64
	Width, Height uint32
}

type PlainPixel struct {
	_                structs.HostLayout
	Red, Green, Blue uint8
}

// PlainCloud precedes the points of a cloud.
type PlainCloud struct {
	_     structs.HostLayout
	Stamp int64
}

type PlainPoint struct {
	_       structs.HostLayout
	X, Y, Z float32
}

// plainSender writes image and point cloud in shared memory, where subscribers read them: neither is copied.
func plainSender(ctx context.Context, p *topic.Participant) (sender, error) {
	pose, err := plain.New[PlainPose]()
	if err != nil {
		return nil, err
	}
	poses, err := newPublisher(ctx, p, "encodings/plain/pose", pose)
	if err != nil {
		return nil, err
	}
	image, err := plain.NewSlice[PlainImage, PlainPixel]()
	if err != nil {
		return nil, err
	}
	images, err := newPublisher(ctx, p, "encodings/plain/image", image)
	if err != nil {
		return nil, err
	}
	cloud, err := plain.NewSlice[PlainCloud, PlainPoint]()
	if err != nil {
		return nil, err
	}
	clouds, err := newPublisher(ctx, p, "encodings/plain/points", cloud)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, s observation) error {
		at, o := s.Pose.Position, s.Pose.Orientation
		_, err := poses.Publish(ctx, PlainPose{
			Stamp:       s.Pose.Stamp,
			Position:    PlainVector{X: at.X, Y: at.Y, Z: at.Z},
			Orientation: PlainQuaternion{X: o.X, Y: o.Y, Z: o.Z, W: o.W},
		})
		if err != nil {
			return err
		}
		err = write(ctx, images, image, len(s.Image.Data)/3, func(h *PlainImage, pixels []PlainPixel) {
			h.Stamp, h.Width, h.Height = s.Image.Stamp, s.Image.Width, s.Image.Height
			for i := range pixels {
				rgb := s.Image.Data[3*i:]
				pixels[i] = PlainPixel{Red: rgb[0], Green: rgb[1], Blue: rgb[2]}
			}
		})
		if err != nil {
			return err
		}
		return write(ctx, clouds, cloud, len(s.Points.Points)/3, func(h *PlainCloud, points []PlainPoint) {
			h.Stamp = s.Points.Stamp
			for i := range points {
				xyz := s.Points.Points[3*i:]
				points[i] = PlainPoint{X: xyz[0], Y: xyz[1], Z: xyz[2]}
			}
		})
	}, nil
}

// write publishes a header and n elements that fill writes.
func write[H, E any](ctx context.Context, pub *topic.Publisher[plain.Slice[H, E]], codec *plain.SliceCodec[H, E], n int, fill func(*H, []E)) error {
	loan, err := pub.Loan(ctx, codec.Size(n))
	if err != nil {
		return err
	}
	defer loan.Discard() // does nothing after Commit
	header, items, err := codec.Overwrite(loan.Bytes(), n)
	if err != nil {
		return err
	}
	fill(header, items)
	_, err = loan.Commit(ctx, codec.Size(n))
	return err
}
