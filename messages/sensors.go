package messages

// An Imu is one measurement of an inertial measurement unit (sensor_msgs/msg/Imu). Covariances are of x, y and z, row by row. All zeros
// mean that a covariance is not known; -1 as the first element means that the unit does not measure the value.
type Imu struct {
	Header                       Header
	Orientation                  Quaternion
	OrientationCovariance        [9]float64 // rad²
	AngularVelocity              Vector3    // rad/s
	AngularVelocityCovariance    [9]float64 // (rad/s)²
	LinearAcceleration           Vector3    // m/s², with gravity
	LinearAccelerationCovariance [9]float64 // (m/s²)²
}

// A LaserScan is one sweep of a planar laser scanner in the plane z = 0 of its frame (sensor_msgs/msg/LaserScan, foxglove.LaserScan).
// Angles count counterclockwise from the x axis.
type LaserScan struct {
	Header         Header  // the stamp is the time of the first ray
	AngleMin       float32 // of the first ray
	AngleMax       float32 // of the last ray
	AngleIncrement float32 // between two rays; negative if the scanner turns clockwise
	TimeIncrement  float32 // between two rays, in s
	ScanTime       float32 // between two scans, in s
	RangeMin       float32 // ranges below are no measurement
	RangeMax       float32 // ranges above are no measurement
	Ranges         []float32
	Intensities    []float32 // one for each range, in a unit of the device; empty if it measures none
}

// A JointState has the state of the joints of a robot (sensor_msgs/msg/JointState, foxglove.JointStates). Position, Velocity and Effort
// have one element for each name, or none if they are not known.
type JointState struct {
	Header   Header // the frame is usually empty
	Name     []string
	Position []float64 // rad, or m of a prismatic joint
	Velocity []float64 // rad/s or m/s
	Effort   []float64 // N·m or N
}
