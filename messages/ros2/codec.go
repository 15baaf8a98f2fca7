// Package ros2 makes codecs that encode the types of package messages as ROS 2 does. Recordings are then like those of a ROS 2 robot, and
// RViz, Foxglove and Lichtblick show them:
//
//	codec := ros2.Codec[messages.LaserScan]()
//	pub, err := topic.NewPublisher(ctx, p, "scan", &topic.PublisherOptions[messages.LaserScan]{Codec: codec})
//
// The codecs are those of package cdr, with names and definitions of ROS 2 Jazzy, which Humble and Iron have too. For other messages of
// ROS 2, call cdr.Codec with their definition.
package ros2

import (
	"fmt"

	"github.com/shmbus/shmbus/messages"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/serde/cdr"
)

// Codec returns the codec for values of T. Its encoding is "cdr", its schema encoding "ros2msg". Lifetime, allocations and errors are those
// of cdr.Codec. It compiles the definition on each call: keep the codec.
func Codec[T messages.Message]() serde.Codec[T] {
	var v T
	name := nameOf(v)
	c, err := cdr.Codec[T](typeName(name), schemaOf(name))
	if err != nil {
		panic(err) // a definition of this package does not match its struct
	}
	return c
}

// nameOf returns the name of the message with the fields of v, in the form that definitions use.
func nameOf(v any) string {
	switch v.(type) {
	case messages.PoseStamped:
		return "geometry_msgs/PoseStamped"
	case messages.TransformStamped:
		return "geometry_msgs/TransformStamped"
	case messages.Transforms:
		return "tf2_msgs/TFMessage"
	case messages.Imu:
		return "sensor_msgs/Imu"
	case messages.LaserScan:
		return "sensor_msgs/LaserScan"
	case messages.PointCloud:
		return "sensor_msgs/PointCloud2"
	case messages.Image:
		return "sensor_msgs/Image"
	case messages.CompressedImage:
		return "sensor_msgs/CompressedImage"
	case messages.CameraInfo:
		return "sensor_msgs/CameraInfo"
	case messages.OccupancyGrid:
		return "nav_msgs/OccupancyGrid"
	case messages.JointState:
		return "sensor_msgs/JointState"
	case messages.Diagnostics:
		return "diagnostic_msgs/DiagnosticArray"
	case messages.Log:
		return "rcl_interfaces/Log"
	}
	panic(fmt.Sprintf("ros2: no message for %T", v))
}
