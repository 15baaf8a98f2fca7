// Package testpb has protobuf messages for tests. They were generated in this folder by
//
//	protoc --go_out=. --go_opt=paths=source_relative testpb.proto
//
// with protoc 3.21.12 (Debian's protobuf-compiler) and
// google.golang.org/protobuf/cmd/protoc-gen-go v1.36.12 (go install).
package testpb

import (
	"google.golang.org/protobuf/types/known/timestamppb"
)

// NewPose returns a pose.
func NewPose() *Pose {
	return &Pose{
		Stamp: stamp(), FrameId: "map",
		Position:    &Vector{X: 1.5, Y: -2, Z: 0.25},
		Orientation: &Quaternion{W: 1},
	}
}

// NewImage returns an RGB image.
func NewImage(width, height int) *Image {
	m := &Image{
		Stamp: stamp(), FrameId: "camera",
		Width: uint32(width), Height: uint32(height), Format: Image_RGB8,
		Data: make([]byte, 3*width*height),
	}
	for i := range m.Data {
		m.Data[i] = byte(i)
	}
	return m
}

// NewPointCloud returns a cloud of n points with their intensities.
func NewPointCloud(n int) *PointCloud {
	m := &PointCloud{Stamp: stamp(), FrameId: "lidar", Points: make([]float32, 3*n)}
	intensity := &PointCloud_Channel{Name: "intensity", Values: make([]float32, n)}
	for i := range m.Points {
		m.Points[i] = float32(i) / 8
	}
	for i := range intensity.Values {
		intensity.Values[i] = float32(i % 256)
	}
	m.Channels = append(m.Channels, intensity)
	return m
}

func stamp() *timestamppb.Timestamp {
	return &timestamppb.Timestamp{Seconds: 1700000000, Nanos: 123456789}
}
