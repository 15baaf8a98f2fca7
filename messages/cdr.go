package messages

import (
	"fmt"
	"strings"

	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/serde/cdr"
)

// CDR returns the codec that encodes values of T as ROS 2 does. Its encoding is "cdr", its schema encoding "ros2msg". Names and definitions
// are those of ROS 2 Jazzy; Humble and Iron have the same.
//
// Allocations and errors are those of package cdr, which also makes codecs for other messages of ROS 2. CDR compiles the definition on each
// call: keep the codec.
func CDR[T Message]() serde.Codec[T] {
	var v T
	name := nameOf(v)
	c, err := cdr.Codec[T](strings.Replace(name, "/", "/msg/", 1), schemaOf(name))
	if err != nil {
		panic(err) // a definition of this package does not match its struct
	}
	return c
}

// nameOf returns the name of the message with the fields of v, in the form that definitions use.
func nameOf(v any) string {
	switch v.(type) {
	case PoseStamped:
		return "geometry_msgs/PoseStamped"
	case TransformStamped:
		return "geometry_msgs/TransformStamped"
	case Transforms:
		return "tf2_msgs/TFMessage"
	case Imu:
		return "sensor_msgs/Imu"
	case LaserScan:
		return "sensor_msgs/LaserScan"
	case PointCloud:
		return "sensor_msgs/PointCloud2"
	case Image:
		return "sensor_msgs/Image"
	case CompressedImage:
		return "sensor_msgs/CompressedImage"
	case CameraInfo:
		return "sensor_msgs/CameraInfo"
	case OccupancyGrid:
		return "nav_msgs/OccupancyGrid"
	case JointState:
		return "sensor_msgs/JointState"
	case Diagnostics:
		return "diagnostic_msgs/DiagnosticArray"
	case Log:
		return "rcl_interfaces/Log"
	}
	panic(fmt.Sprintf("no ROS 2 message for %T", v))
}
