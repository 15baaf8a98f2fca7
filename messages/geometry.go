package messages

// A Vector3 is a point or a vector.
type Vector3 struct{ X, Y, Z float64 }

// A Quaternion is a rotation. Its length is 1. The zero value is no rotation at all: use [Identity] for "not rotated".
type Quaternion struct{ X, Y, Z, W float64 }

// Identity returns the quaternion that rotates nothing.
func Identity() Quaternion { return Quaternion{W: 1} }

// A Pose is a place and a direction.
type Pose struct {
	Position    Vector3
	Orientation Quaternion
}

// A PoseStamped is a pose in the frame of the header (geometry_msgs/msg/PoseStamped, foxglove.PoseInFrame).
type PoseStamped struct {
	Header Header
	Pose   Pose
}

// A Transform converts coordinates of one frame to those of another: it rotates, then translates.
type Transform struct {
	Translation Vector3
	Rotation    Quaternion
}

// A TransformStamped is the place of a child frame in the frame of the header, its parent. The transform converts coordinates of the child
// to those of the parent (geometry_msgs/msg/TransformStamped, foxglove.FrameTransform).
type TransformStamped struct {
	Header       Header
	ChildFrameID string
	Transform    Transform
}

// Transforms are what a robot publishes on the topic tf (tf2_msgs/msg/TFMessage, foxglove.FrameTransforms).
type Transforms struct {
	Transforms []TransformStamped
}
