package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/topic"
)

// rawSender publishes bytes that only the application understands: here numbers one after the other, little-endian.
func rawSender(ctx context.Context, p *topic.Participant) (sender, error) {
	return newSender(ctx, p, serde.Raw(), serde.Raw(), serde.Raw(), func(s observation) (pose, image, points []byte) {
		for _, f := range poseNumbers(s.Pose) {
			pose = binary.LittleEndian.AppendUint64(pose, math.Float64bits(f))
		}
		for _, f := range s.Points.Points {
			points = binary.LittleEndian.AppendUint32(points, math.Float32bits(f))
		}
		return pose, s.Image.Data, points
	})
}

// stringSender publishes text.
func stringSender(ctx context.Context, p *topic.Participant) (sender, error) {
	return newSender(ctx, p, serde.String(), serde.String(), serde.String(), func(s observation) (pose, image, points string) {
		return fmt.Sprint(poseNumbers(s.Pose)),
			fmt.Sprintf("%d %d %x", s.Image.Width, s.Image.Height, s.Image.Data),
			fmt.Sprint(s.Points.Points)
	})
}

func poseNumbers(p Pose) []float64 {
	return []float64{p.Position.X, p.Position.Y, p.Position.Z, p.Orientation.X, p.Orientation.Y, p.Orientation.Z, p.Orientation.W}
}
