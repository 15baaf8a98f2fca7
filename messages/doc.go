// Package messages has the types that robots exchange: images, scans, point clouds, poses, transforms and so on.
//
// They are plain structs with codecs in forms that viewers and recordings know:
//
//	messages.CDR[messages.Image]()       CDR, as sensor_msgs/msg/Image of ROS 2
//	foxglove.Protobuf[messages.Image]()  protobuf, as foxglove.RawImage
//	foxglove.JSON[messages.Image]()      JSON, as foxglove.RawImage
//
// The schema travels with the topic and is part of a recording, so Foxglove, Lichtblick and other tools show the messages without a
// setup. All fields have a place in CDR. The forms of package foxglove lack some, which it lists. A program that does
// not import package foxglove does not link protobuf.
//
// # Units and frames
//
// Lengths are meters, angles radians, times seconds, unless the comment of a field says otherwise. Frames are right-handed: in the frame
// of a robot, x points forward, y to the left and z up. In the frame of a camera, x points to the right in the image, y down in it, and
// z into the scene. A FrameID names the frame of the values; [Transforms] say where frames are.
//
// The names of fields are those of ROS 2 without underscores. Their order is that of ROS 2 too, so CDR copies whole parts of a struct.
package messages

// Message has the types with a name and a schema of their own in all forms. The other types of this package are parts of these.
type Message interface {
	PoseStamped | TransformStamped | Transforms | Imu | LaserScan | PointCloud | Image | CompressedImage | CameraInfo | OccupancyGrid |
		JointState | Diagnostics | Log
}
