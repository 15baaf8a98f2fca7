// Package testfb has FlatBuffers messages for tests and samples.
package testfb

import _ "embed"

// Version 2.0.8 of flatc (Debian's flatbuffers-compiler) made the files.
//
//go:generate flatc --go --gen-onefile --gen-object-api --go-namespace testfb testfb.fbs
//go:generate gofmt -w testfb_generated.go
//go:generate flatc --schema --binary -o testdata testfb.fbs

//go:embed testdata/testfb.bfbs
var schema string

// Schema returns the binary schema of all messages.
func Schema() []byte { return []byte(schema) }

// NewPose returns a pose.
func NewPose() *PoseT {
	return &PoseT{
		Stamp: stamp(), FrameId: "map",
		Position:    &VectorT{X: 1.5, Y: -2, Z: 0.25},
		Orientation: &QuaternionT{W: 1},
	}
}

// NewImage returns an RGB image.
func NewImage(width, height int) *ImageT {
	m := &ImageT{
		Stamp: stamp(), FrameId: "camera",
		Width: uint32(width), Height: uint32(height), Format: FormatRGB8, Step: uint32(3 * width),
		Data: make([]byte, 3*width*height),
	}
	for i := range m.Data {
		m.Data[i] = byte(i)
	}
	return m
}

// NewPointCloud returns a cloud of n points.
func NewPointCloud(n int) *PointCloudT {
	m := &PointCloudT{Stamp: stamp(), FrameId: "lidar", Points: make([]*PointT, n)}
	for i := range m.Points {
		m.Points[i] = &PointT{X: float32(i) / 8, Y: float32(i) / 4, Z: 1, Intensity: float32(i % 256)}
	}
	return m
}

// NewNode returns a node with a message of each type in it.
func NewNode() *NodeT {
	confidence := float32(0.5)
	return &NodeT{
		Name: "root", Content: &ContentT{Type: ContentPose, Value: NewPose()}, Priority: 5, Confidence: &confidence,
		Tags: []string{"a", "b", ""}, Values: []float32{1, -0.5, 1e9},
		Children: []*NodeT{
			{Name: "image", Content: &ContentT{Type: ContentImage, Value: NewImage(2, 2)}, Priority: -1},
			{Name: "cloud", Content: &ContentT{Type: ContentPointCloud, Value: NewPointCloud(2)}, Children: []*NodeT{{Name: "leaf"}}},
		},
	}
}

func stamp() *TimeT { return &TimeT{Sec: 1700000000, Nsec: 123456789} }
