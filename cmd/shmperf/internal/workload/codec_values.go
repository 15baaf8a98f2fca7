package workload

import "fmt"

// A header is the header of the messages of a robot.
type header struct {
	Seq   uint64 `json:"seq" msgpack:"seq"`
	Stamp int64  `json:"stamp" msgpack:"stamp"` // nanoseconds
	Frame string `json:"frame" msgpack:"frame"`
}

// A vector is a point, a direction or an extent.
type vector struct {
	X float64 `json:"x" msgpack:"x"`
	Y float64 `json:"y" msgpack:"y"`
	Z float64 `json:"z" msgpack:"z"`
}

// A quaternion is an orientation.
type quaternion struct {
	X float64 `json:"x" msgpack:"x"`
	Y float64 `json:"y" msgpack:"y"`
	Z float64 `json:"z" msgpack:"z"`
	W float64 `json:"w" msgpack:"w"`
}

// An imu is a reading of an inertial measurement unit: the small value.
type imu struct {
	Header          header     `json:"header" msgpack:"header"`
	Orientation     quaternion `json:"orientation" msgpack:"orientation"`
	AngularVelocity vector     `json:"angular_velocity" msgpack:"angular_velocity"`
	Acceleration    vector     `json:"acceleration" msgpack:"acceleration"`
	MagneticField   vector     `json:"magnetic_field" msgpack:"magnetic_field"`
	Covariance      [3]float64 `json:"covariance" msgpack:"covariance"`
	Temperature     float32    `json:"temperature" msgpack:"temperature"`
	Status          uint8      `json:"status" msgpack:"status"`
	Calibrated      bool       `json:"calibrated" msgpack:"calibrated"`
	Sensor          string     `json:"sensor" msgpack:"sensor"`
}

// objects are the objects around a vehicle: the large value.
type objects struct {
	Header  header   `json:"header" msgpack:"header"`
	Objects []object `json:"objects" msgpack:"objects"`
}

// An object is one object around a vehicle.
type object struct {
	ID          uint32            `json:"id" msgpack:"id"`
	Class       string            `json:"class" msgpack:"class"`
	Position    vector            `json:"position" msgpack:"position"`
	Velocity    vector            `json:"velocity" msgpack:"velocity"`
	Extent      vector            `json:"extent" msgpack:"extent"`
	Orientation quaternion        `json:"orientation" msgpack:"orientation"`
	Confidence  float32           `json:"confidence" msgpack:"confidence"`
	Path        []vector          `json:"path" msgpack:"path"`
	Labels      map[string]string `json:"labels" msgpack:"labels"`
}

func newHeader() header {
	return header{Seq: 4711, Stamp: 1_790_000_000_123_456_789, Frame: "vehicle/base_link"}
}

func newVector(n float64) vector { return vector{X: 0.1 + n, Y: -9.81 * n, Z: 1e-3 * n} }

func newQuaternion() quaternion { return quaternion{X: 0.01, Y: -0.02, Z: 0.7071, W: 0.7068} }

func newIMU() imu {
	return imu{
		Header: newHeader(), Orientation: newQuaternion(), AngularVelocity: newVector(1), Acceleration: newVector(2), MagneticField: newVector(3),
		Covariance: [3]float64{1e-4, 2e-4, 3e-4}, Temperature: 36.5, Status: 3, Calibrated: true, Sensor: "imu/front",
	}
}

func newObjects() objects {
	const number, steps = 20, 5
	o := objects{Header: newHeader()}
	for i := range number {
		n := float64(i)
		one := object{
			ID: uint32(1000 + i), Class: "pedestrian", Position: newVector(n), Velocity: newVector(n / 10), Extent: newVector(2),
			Orientation: newQuaternion(), Confidence: 0.93, Labels: map[string]string{"track": fmt.Sprint(i), "source": "lidar"},
		}
		for s := range steps {
			one.Path = append(one.Path, newVector(n+float64(s)))
		}
		o.Objects = append(o.Objects, one)
	}
	return o
}
