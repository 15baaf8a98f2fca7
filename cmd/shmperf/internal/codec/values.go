package codec

import "fmt"

// A Header is what the messages of a robot begin with.
type Header struct {
	Seq   uint64 `json:"seq" msgpack:"seq"`
	Stamp int64  `json:"stamp" msgpack:"stamp"` // nanoseconds
	Frame string `json:"frame" msgpack:"frame"`
}

// A Vector is a point, a direction or an extent.
type Vector struct {
	X float64 `json:"x" msgpack:"x"`
	Y float64 `json:"y" msgpack:"y"`
	Z float64 `json:"z" msgpack:"z"`
}

// A Quaternion is an orientation.
type Quaternion struct {
	X float64 `json:"x" msgpack:"x"`
	Y float64 `json:"y" msgpack:"y"`
	Z float64 `json:"z" msgpack:"z"`
	W float64 `json:"w" msgpack:"w"`
}

// An IMU is a reading of an inertial measurement unit: the small value.
type IMU struct {
	Header          Header     `json:"header" msgpack:"header"`
	Orientation     Quaternion `json:"orientation" msgpack:"orientation"`
	AngularVelocity Vector     `json:"angular_velocity" msgpack:"angular_velocity"`
	Acceleration    Vector     `json:"acceleration" msgpack:"acceleration"`
	MagneticField   Vector     `json:"magnetic_field" msgpack:"magnetic_field"`
	Covariance      [3]float64 `json:"covariance" msgpack:"covariance"`
	Temperature     float32    `json:"temperature" msgpack:"temperature"`
	Status          uint8      `json:"status" msgpack:"status"`
	Calibrated      bool       `json:"calibrated" msgpack:"calibrated"`
	Sensor          string     `json:"sensor" msgpack:"sensor"`
}

// Objects is what a vehicle sees around it: the large value.
type Objects struct {
	Header  Header   `json:"header" msgpack:"header"`
	Objects []Object `json:"objects" msgpack:"objects"`
}

// An Object is one of them.
type Object struct {
	ID          uint32            `json:"id" msgpack:"id"`
	Class       string            `json:"class" msgpack:"class"`
	Position    Vector            `json:"position" msgpack:"position"`
	Velocity    Vector            `json:"velocity" msgpack:"velocity"`
	Extent      Vector            `json:"extent" msgpack:"extent"`
	Orientation Quaternion        `json:"orientation" msgpack:"orientation"`
	Confidence  float32           `json:"confidence" msgpack:"confidence"`
	Path        []Vector          `json:"path" msgpack:"path"`
	Labels      map[string]string `json:"labels" msgpack:"labels"`
}

func header() Header {
	return Header{Seq: 4711, Stamp: 1_790_000_000_123_456_789, Frame: "vehicle/base_link"}
}

func vector(n float64) Vector { return Vector{X: 0.1 + n, Y: -9.81 * n, Z: 1e-3 * n} }

func quaternion() Quaternion { return Quaternion{X: 0.01, Y: -0.02, Z: 0.7071, W: 0.7068} }

func imu() IMU {
	return IMU{
		Header: header(), Orientation: quaternion(), AngularVelocity: vector(1), Acceleration: vector(2), MagneticField: vector(3),
		Covariance: [3]float64{1e-4, 2e-4, 3e-4}, Temperature: 36.5, Status: 3, Calibrated: true, Sensor: "imu/front",
	}
}

func objects() Objects {
	const number, steps = 20, 5
	o := Objects{Header: header()}
	for i := range number {
		n := float64(i)
		one := Object{
			ID: uint32(1000 + i), Class: "pedestrian", Position: vector(n), Velocity: vector(n / 10), Extent: vector(2),
			Orientation: quaternion(), Confidence: 0.93, Labels: map[string]string{"track": fmt.Sprint(i), "source": "lidar"},
		}
		for s := range steps {
			one.Path = append(one.Path, vector(n+float64(s)))
		}
		o.Objects = append(o.Objects, one)
	}
	return o
}
