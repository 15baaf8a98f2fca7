package foxglove

import (
	"errors"
	"fmt"
	"math"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/shmbus/shmbus/messages"
	"github.com/shmbus/shmbus/messages/foxglove/internal/pb"
)

// made returns the message that *m points to. It makes one if there is none, because the encoder uses messages again.
func made[E any](m **E) *E {
	if *m == nil {
		*m = new(E)
	}
	return *m
}

// resized returns s with n messages. Those that s has or had are used again.
func resized[E any](s []*E, n int) []*E {
	s = s[:min(n, cap(s))]
	for len(s) < n {
		s = append(s, nil)
	}
	for i := range s {
		made(&s[i])
	}
	return s
}

func setTime(to **timestamppb.Timestamp, t messages.Time) {
	m := made(to)
	m.Seconds, m.Nanos = int64(t.Sec)+int64(t.Nanosec/1e9), int32(t.Nanosec%1e9)
}

func getTime(m *timestamppb.Timestamp) (messages.Time, error) {
	if m.GetNanos() < 0 || m.GetNanos() >= 1e9 || m.GetSeconds() < math.MinInt32 || m.GetSeconds() > math.MaxInt32 {
		return messages.Time{}, fmt.Errorf("the time of %d s and %d ns is out of range", m.GetSeconds(), m.GetNanos())
	}
	return messages.Time{Sec: int32(m.GetSeconds()), Nanosec: uint32(m.GetNanos())}, nil
}

// headerOf makes the header of a message that has a time and a frame.
func headerOf(m interface {
	GetTimestamp() *timestamppb.Timestamp
	GetFrameId() string
}) (messages.Header, error) {
	stamp, err := getTime(m.GetTimestamp())
	return messages.Header{Stamp: stamp, FrameID: m.GetFrameId()}, err
}

func setVector(to **pb.Vector3, v messages.Vector3) {
	m := made(to)
	m.X, m.Y, m.Z = v.X, v.Y, v.Z
}

func getVector(m *pb.Vector3) messages.Vector3 {
	return messages.Vector3{X: m.GetX(), Y: m.GetY(), Z: m.GetZ()}
}

func setQuaternion(to **pb.Quaternion, q messages.Quaternion) {
	m := made(to)
	m.X, m.Y, m.Z, m.W = q.X, q.Y, q.Z, q.W
}

func getQuaternion(m *pb.Quaternion) messages.Quaternion {
	return messages.Quaternion{X: m.GetX(), Y: m.GetY(), Z: m.GetZ(), W: m.GetW()}
}

func setInnerPose(to **pb.Pose, p messages.Pose) {
	m := made(to)
	setVector(&m.Position, p.Position)
	setQuaternion(&m.Orientation, p.Orientation)
}

func getInnerPose(m *pb.Pose) messages.Pose {
	return messages.Pose{Position: getVector(m.GetPosition()), Orientation: getQuaternion(m.GetOrientation())}
}

// noPose is the pose of sensor data in the frame of the sensor.
func noPose() messages.Pose { return messages.Pose{Orientation: messages.Identity()} }

var errPose = errors.New("pose: the struct has none, so only the identity can be decoded")

// checkNoPose refuses data that are not in the frame of the message.
func checkNoPose(m *pb.Pose) error {
	if p := getInnerPose(m); p != noPose() && p != (messages.Pose{}) {
		return errPose
	}
	return nil
}

func setPose(m *pb.PoseInFrame, v *messages.PoseStamped) error {
	setTime(&m.Timestamp, v.Header.Stamp)
	m.FrameId = v.Header.FrameID
	setInnerPose(&m.Pose, v.Pose)
	return nil
}

func getPose(v *messages.PoseStamped, m *pb.PoseInFrame) (err error) {
	v.Pose = getInnerPose(m.Pose)
	v.Header, err = headerOf(m)
	return err
}

func setTransform(m *pb.FrameTransform, v *messages.TransformStamped) error {
	setTime(&m.Timestamp, v.Header.Stamp)
	m.ParentFrameId, m.ChildFrameId = v.Header.FrameID, v.ChildFrameID
	setVector(&m.Translation, v.Transform.Translation)
	setQuaternion(&m.Rotation, v.Transform.Rotation)
	return nil
}

func getTransform(v *messages.TransformStamped, m *pb.FrameTransform) (err error) {
	v.Header.FrameID, v.ChildFrameID = m.ParentFrameId, m.ChildFrameId
	v.Transform = messages.Transform{Translation: getVector(m.Translation), Rotation: getQuaternion(m.Rotation)}
	v.Header.Stamp, err = getTime(m.Timestamp)
	return err
}

func setTransforms(m *pb.FrameTransforms, v *messages.Transforms) error {
	m.Transforms = resized(m.Transforms, len(v.Transforms))
	for i := range v.Transforms {
		if err := setTransform(m.Transforms[i], &v.Transforms[i]); err != nil {
			return err
		}
	}
	return nil
}

func getTransforms(v *messages.Transforms, m *pb.FrameTransforms) error {
	if len(m.Transforms) > 0 {
		v.Transforms = make([]messages.TransformStamped, len(m.Transforms))
	}
	for i := range v.Transforms {
		if err := getTransform(&v.Transforms[i], m.Transforms[i]); err != nil {
			return fmt.Errorf("transforms[%d]: %w", i, err)
		}
	}
	return nil
}
