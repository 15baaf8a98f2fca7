package main

import (
	"math"
	"time"
)

// An observation is what a robot sees at one moment.
type observation struct {
	Pose   Pose
	Image  Image
	Points PointCloud
}

// A Pose is where a robot is.
type Pose struct {
	Stamp       int64      `json:"stamp" msgpack:"stamp"` // Unix time in ns
	Frame       string     `json:"frame" msgpack:"frame"`
	Position    Vector     `json:"position" msgpack:"position"`
	Orientation Quaternion `json:"orientation" msgpack:"orientation"`
}

// A Vector is in meters.
type Vector struct {
	X float64 `json:"x" msgpack:"x"`
	Y float64 `json:"y" msgpack:"y"`
	Z float64 `json:"z" msgpack:"z"`
}

// A Quaternion has unit length.
type Quaternion struct {
	X float64 `json:"x" msgpack:"x"`
	Y float64 `json:"y" msgpack:"y"`
	Z float64 `json:"z" msgpack:"z"`
	W float64 `json:"w" msgpack:"w"`
}

// An Image has three bytes for each pixel, red, green and blue, row by row.
type Image struct {
	Stamp  int64  `json:"stamp" msgpack:"stamp"`
	Frame  string `json:"frame" msgpack:"frame"`
	Width  uint32 `json:"width" msgpack:"width"`
	Height uint32 `json:"height" msgpack:"height"`
	Data   []byte `json:"data" msgpack:"data"`
}

// A PointCloud has three coordinates for each point, in meters.
type PointCloud struct {
	Stamp  int64     `json:"stamp" msgpack:"stamp"`
	Frame  string    `json:"frame" msgpack:"frame"`
	Points []float32 `json:"points" msgpack:"points"`
}

const (
	imageWidth, imageHeight = 64, 48
	cloudPoints             = 1000
)

// observationAt returns the n-th observation: the robot drives in a circle, in front of a gradient that moves, within a spiral of points.
func observationAt(now time.Time, n int) observation {
	stamp, angle := now.UnixNano(), float64(n)/10
	s := observation{
		Pose: Pose{
			Stamp: stamp, Frame: "map",
			Position:    Vector{X: math.Cos(angle), Y: math.Sin(angle)},
			Orientation: Quaternion{Z: math.Sin(angle / 2), W: math.Cos(angle / 2)},
		},
		Image:  Image{Stamp: stamp, Frame: "camera", Width: imageWidth, Height: imageHeight},
		Points: PointCloud{Stamp: stamp, Frame: "lidar"},
	}
	for y := range imageHeight {
		for x := range imageWidth {
			s.Image.Data = append(s.Image.Data, byte(4*x+n), byte(5*y), 128)
		}
	}
	for i := range cloudPoints {
		turn := float64(i) / 50
		s.Points.Points = append(s.Points.Points,
			float32(math.Cos(turn)*turn), float32(math.Sin(turn)*turn), float32(i)/cloudPoints)
	}
	return s
}
