package foxglove

import (
	"fmt"
	"math"

	"github.com/shmbus/shmbus/messages"
	"github.com/shmbus/shmbus/messages/foxglove/internal/pb"
)

// widen appends numbers to dst as 64 bits.
func widen(dst []float64, src []float32) []float64 {
	for _, x := range src {
		dst = append(dst, float64(x))
	}
	return dst
}

// narrow returns numbers as 32 bits.
func narrow(src []float64) []float32 {
	if len(src) == 0 {
		return nil
	}
	dst := make([]float32, len(src))
	for i, x := range src {
		dst[i] = float32(x)
	}
	return dst
}

// fixed copies an array. One without elements counts as zeros.
func fixed(dst []float64, src []float64, name string) error {
	if len(src) != len(dst) && len(src) != 0 {
		return fmt.Errorf("%s: it has %d elements, not %d", name, len(src), len(dst))
	}
	copy(dst, src)
	return nil
}

func setScan(m *pb.LaserScan, v *messages.LaserScan) error {
	setTime(&m.Timestamp, v.Header.Stamp)
	m.FrameId = v.Header.FrameID
	setInnerPose(&m.Pose, noPose())
	m.StartAngle, m.EndAngle = float64(v.AngleMin), float64(v.AngleMax)
	if n := len(v.Ranges); n > 1 && v.AngleIncrement != 0 { // the increment places a ray in ROS
		m.EndAngle = m.StartAngle + float64(n-1)*float64(v.AngleIncrement)
	}
	m.Ranges, m.Intensities = widen(m.Ranges[:0], v.Ranges), widen(m.Intensities[:0], v.Intensities)
	return nil
}

func getScan(v *messages.LaserScan, m *pb.LaserScan) (err error) {
	if err := checkNoPose(m.Pose); err != nil {
		return err
	}
	v.AngleMin, v.AngleMax = float32(m.StartAngle), float32(m.EndAngle)
	if n := len(m.Ranges); n > 1 {
		v.AngleIncrement = float32((m.EndAngle - m.StartAngle) / float64(n-1))
	}
	v.RangeMax = float32(math.Inf(1))
	v.Ranges, v.Intensities = narrow(m.Ranges), narrow(m.Intensities)
	v.Header, err = headerOf(m)
	return err
}

func setImu(m *pb.Imu, v *messages.Imu) error {
	setHeader(&m.Header, v.Header)
	setQuaternion(&m.Orientation, v.Orientation)
	setVector(&m.AngularVelocity, v.AngularVelocity)
	setVector(&m.LinearAcceleration, v.LinearAcceleration)
	m.OrientationCovariance = append(m.OrientationCovariance[:0], v.OrientationCovariance[:]...)
	m.AngularVelocityCovariance = append(m.AngularVelocityCovariance[:0], v.AngularVelocityCovariance[:]...)
	m.LinearAccelerationCovariance = append(m.LinearAccelerationCovariance[:0], v.LinearAccelerationCovariance[:]...)
	return nil
}

func getImu(v *messages.Imu, m *pb.Imu) (err error) {
	v.Orientation = getQuaternion(m.Orientation)
	v.AngularVelocity, v.LinearAcceleration = getVector(m.AngularVelocity), getVector(m.LinearAcceleration)
	if err = fixed(v.OrientationCovariance[:], m.OrientationCovariance, "orientation_covariance"); err != nil {
		return err
	}
	if err = fixed(v.AngularVelocityCovariance[:], m.AngularVelocityCovariance, "angular_velocity_covariance"); err != nil {
		return err
	}
	if err = fixed(v.LinearAccelerationCovariance[:], m.LinearAccelerationCovariance, "linear_acceleration_covariance"); err != nil {
		return err
	}
	v.Header, err = getHeader(m.Header)
	return err
}

func setJoints(m *pb.JointStates, v *messages.JointState) error {
	for _, j := range m.Joints { // they point to numbers of the value before
		j.Name, j.Position, j.Velocity, j.Effort = "", nil, nil, nil
	}
	setTime(&m.Timestamp, v.Header.Stamp)
	n := len(v.Name)
	m.Joints = resized(m.Joints, n)
	for i := range n {
		m.Joints[i].Name = v.Name[i]
	}
	for _, list := range []struct {
		name   string
		values []float64
		field  func(*pb.JointState) **float64
	}{
		{"Position", v.Position, func(j *pb.JointState) **float64 { return &j.Position }},
		{"Velocity", v.Velocity, func(j *pb.JointState) **float64 { return &j.Velocity }},
		{"Effort", v.Effort, func(j *pb.JointState) **float64 { return &j.Effort }},
	} {
		if len(list.values) != 0 && len(list.values) != n {
			return fmt.Errorf("%s has %d elements for %d names", list.name, len(list.values), n)
		}
		for i := range list.values {
			*list.field(m.Joints[i]) = &list.values[i]
		}
	}
	return nil
}

func getJoints(v *messages.JointState, m *pb.JointStates) (err error) {
	for i, j := range m.Joints {
		v.Name = append(v.Name, j.Name)
		v.Position = withElement(v.Position, i, j.Position)
		v.Velocity = withElement(v.Velocity, i, j.Velocity)
		v.Effort = withElement(v.Effort, i, j.Effort)
	}
	v.Header.Stamp, err = getTime(m.Timestamp)
	return err
}

// withElement appends x as element i to s. Elements that are not known are NaN, unless all are: then s is empty.
func withElement(s []float64, i int, x *float64) []float64 {
	if x == nil {
		if len(s) > 0 {
			s = append(s, math.NaN())
		}
		return s
	}
	for len(s) < i {
		s = append(s, math.NaN())
	}
	return append(s, *x)
}
