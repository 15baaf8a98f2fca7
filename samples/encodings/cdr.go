package main

import (
	"context"
	"encoding/binary"
	"math"

	"github.com/shmbus/shmbus/serde/cdr"
	"github.com/shmbus/shmbus/topic"
)

// The messages of ROS 2, with the fields that this sample needs. A real program has all of them.

type RosHeader struct {
	Stamp   RosTime
	FrameID string
}

type RosTime struct {
	Sec     int32
	Nanosec uint32
}

// RosPose is geometry_msgs/msg/PoseStamped.
type RosPose struct {
	Header RosHeader
	Pose   struct {
		Position    Vector
		Orientation Quaternion
	}
}

// RosImage is sensor_msgs/msg/Image.
type RosImage struct {
	Header        RosHeader
	Height, Width uint32
	Encoding      string
	IsBigendian   uint8
	Step          uint32
	Data          []byte
}

// RosPointCloud is sensor_msgs/msg/PointCloud2.
type RosPointCloud struct {
	Header        RosHeader
	Height, Width uint32
	Fields        []RosPointField
	IsBigendian   bool
	PointStep     uint32
	RowStep       uint32
	Data          []byte
	IsDense       bool
}

type RosPointField struct {
	Name     string
	Offset   uint32
	Datatype uint8
	Count    uint32
}

const (
	rosHeader = `
================================================================================
MSG: std_msgs/Header
builtin_interfaces/Time stamp
string frame_id
`
	rosPose = `std_msgs/Header header
geometry_msgs/Pose pose
================================================================================
MSG: geometry_msgs/Pose
geometry_msgs/Point position
geometry_msgs/Quaternion orientation
================================================================================
MSG: geometry_msgs/Point
float64 x
float64 y
float64 z
================================================================================
MSG: geometry_msgs/Quaternion
float64 x
float64 y
float64 z
float64 w` + rosHeader

	rosImage = `std_msgs/Header header
uint32 height
uint32 width
string encoding
uint8 is_bigendian
uint32 step
uint8[] data` + rosHeader

	rosPointCloud = `std_msgs/Header header
uint32 height
uint32 width
sensor_msgs/PointField[] fields
bool is_bigendian
uint32 point_step
uint32 row_step
uint8[] data
bool is_dense
================================================================================
MSG: sensor_msgs/PointField
string name
uint32 offset
uint8 datatype
uint32 count` + rosHeader
)

func cdrSender(ctx context.Context, p *topic.Participant) (sender, error) {
	pose, err := cdr.Codec[RosPose]("geometry_msgs/msg/PoseStamped", rosPose)
	if err != nil {
		return nil, err
	}
	image, err := cdr.Codec[RosImage]("sensor_msgs/msg/Image", rosImage)
	if err != nil {
		return nil, err
	}
	points, err := cdr.Codec[RosPointCloud]("sensor_msgs/msg/PointCloud2", rosPointCloud)
	if err != nil {
		return nil, err
	}
	return newSender(ctx, p, pose, image, points, cdrOf)
}

func cdrOf(s observation) (pose RosPose, image RosImage, cloud RosPointCloud) {
	pose.Header = rosHeaderOf(s.Pose.Stamp, s.Pose.Frame)
	pose.Pose.Position, pose.Pose.Orientation = s.Pose.Position, s.Pose.Orientation

	image = RosImage{
		Header: rosHeaderOf(s.Image.Stamp, s.Image.Frame), Height: s.Image.Height, Width: s.Image.Width,
		Encoding: "rgb8", Step: 3 * s.Image.Width, Data: s.Image.Data,
	}

	const float32Type, step = 7, 12
	n := uint32(len(s.Points.Points) / 3)
	cloud = RosPointCloud{
		Header: rosHeaderOf(s.Points.Stamp, s.Points.Frame), Height: 1, Width: n,
		PointStep: step, RowStep: step * n, IsDense: true,
	}
	for i, name := range []string{"x", "y", "z"} {
		cloud.Fields = append(cloud.Fields, RosPointField{Name: name, Offset: uint32(4 * i), Datatype: float32Type, Count: 1})
	}
	for _, f := range s.Points.Points {
		cloud.Data = binary.LittleEndian.AppendUint32(cloud.Data, math.Float32bits(f))
	}
	return pose, image, cloud
}

func rosHeaderOf(stamp int64, frame string) RosHeader {
	return RosHeader{Stamp: RosTime{Sec: int32(stamp / 1e9), Nanosec: uint32(stamp % 1e9)}, FrameID: frame}
}
