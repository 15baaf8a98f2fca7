package cdr

import (
	"math"
	"time"
)

const (
	separator = "================================================================================\n"

	headerDef = separator + `MSG: std_msgs/Header
builtin_interfaces/Time stamp
string frame_id
`
	timeDef = separator + `MSG: builtin_interfaces/Time
int32 sec
uint32 nanosec
`
	vectorDef = separator + `MSG: geometry_msgs/Vector3
float64 x
float64 y
float64 z
`
	quaternionDef = separator + `MSG: geometry_msgs/Quaternion
float64 x 0
float64 y 0
float64 z 0
float64 w 1
`
	imuSchema = `std_msgs/Header header
geometry_msgs/Quaternion orientation
float64[9] orientation_covariance # row by row
geometry_msgs/Vector3 angular_velocity
float64[9] angular_velocity_covariance
geometry_msgs/Vector3 linear_acceleration
float64[9] linear_acceleration_covariance
` + headerDef + timeDef + quaternionDef + vectorDef

	imageSchema = `std_msgs/Header header
uint32 height
uint32 width
string encoding
uint8 is_bigendian
uint32 step
uint8[] data
` + headerDef + timeDef

	cloudSchema = `std_msgs/Header header
uint32 height
uint32 width
PointField[] fields
bool is_bigendian
uint32 point_step
uint32 row_step
uint8[] data
bool is_dense
` + headerDef + timeDef + separator + `MSG: sensor_msgs/PointField
uint8 INT8 = 1
uint8 FLOAT32=7
string name
uint32 offset
uint8 datatype
uint32 count
`
	poseSchema = `std_msgs/Header header
Pose pose
` + headerDef + separator + `MSG: geometry_msgs/Pose
Point position
Quaternion orientation
` + separator + `MSG: geometry_msgs/Point
float64 x
float64 y
float64 z
` + quaternionDef
)

type stamp struct {
	Sec     int32
	Nanosec uint32
}

type header struct {
	Stamp   stamp
	FrameID string
}

type vector struct{ X, Y, Z float64 }

type quaternion struct{ X, Y, Z, W float64 }

type imu struct {
	Header                       header
	Orientation                  quaternion
	OrientationCovariance        [9]float64
	AngularVelocity              vector
	AngularVelocityCovariance    [9]float64
	LinearAcceleration           vector
	LinearAccelerationCovariance [9]float64
}

type image struct {
	Header      header
	Height      uint32
	Width       uint32
	Encoding    string
	IsBigendian uint8
	Step        uint32
	Data        []byte
}

type pointField struct {
	Name     string
	Offset   uint32
	Datatype uint8
	Count    uint32
}

type cloud struct {
	Header      header
	Height      uint32
	Width       uint32
	Fields      []pointField
	IsBigendian bool
	PointStep   uint32
	RowStep     uint32
	Data        []uint8
	IsDense     bool
}

type poseStamped struct {
	Header struct {
		Stamp time.Time
		Frame string `ros:"frame_id"`
	}
	Pose struct {
		Orientation quaternion // in another order than the message
		Position    vector
	}
}

// allSchema has each kind of field, at positions that need padding.
const allSchema = `# comment
bool b
int8 i8
uint8 u8
byte octet
char letter
int16 i16
uint16 u16
int32 i32
uint32 u32
int64 i64
uint64 u64
float32 f32
float64 f64
string text
uint8 after_text
string<=8 bounded_text "x # y"
float64 after_bounded
uint8[3] bytes3
float64[2] doubles
bool[3] bools3
string[2] texts2
uint8[] bytes
int8[] int8s
bool[] bools
uint16[] shorts
int32[<=4] ints
int64[] longs
float32[] floats
float64[] doubles_any
string[] texts
string<=4[<=2] short_texts
Inner inner
Inner[2] inners
Inner[] inner_list
Flat[] flats
Flat[3] flat3
Mixed[] mixed
Mixed[2] mixed2
Empty nothing
Empty[] nothings
builtin_interfaces/Time at
builtin_interfaces/Duration lasting
builtin_interfaces/Time[] times
int8 last
` + separator + `MSG: test_msgs/Inner
uint8 a
float64 b
string c
int16 d
` + separator + `MSG: test_msgs/Flat
float32 x
float32 y
` + separator + `MSG: test_msgs/Mixed
float64 x
uint32 y
uint16 z
bool ok
uint8 pad
` + separator + `MSG: test_msgs/Empty
string NAME="nothing # here"
int32 ANSWER = 42
`

type inner struct {
	A uint8
	B float64
	C string
	D int16
}

type flat struct{ X, Y float32 }

type mixed struct {
	X   float64
	Y   uint32
	Z   uint16
	Ok  bool
	Pad uint8
}

type all struct {
	B            bool
	I8           int8
	U8           uint8
	Octet        byte
	Letter       uint8
	I16          int16
	U16          uint16
	I32          int32
	U32          uint32
	I64          int64
	U64          uint64
	F32          float32
	F64          float64
	Text         string
	AfterText    uint8
	BoundedText  string
	AfterBounded float64
	Bytes3       [3]uint8
	Doubles      [2]float64
	Bools3       [3]bool
	Texts2       [2]string
	Bytes        []byte
	Int8s        []int8
	Bools        []bool
	Shorts       []uint16
	Ints         []int32
	Longs        []int64
	Floats       []float32
	DoublesAny   []float64
	Texts        []string
	ShortTexts   []string
	Inner        inner
	Inners       [2]inner
	InnerList    []inner
	Flats        []flat
	Flat3        [3]flat
	Mixed        []mixed
	Mixed2       [2]mixed
	Nothing      struct{}
	Nothings     []struct{}
	At           time.Time
	Lasting      time.Duration
	Times        []time.Time
	Last         int8
}

func allValue() all {
	at := time.Date(2026, 3, 4, 5, 6, 7, 89, time.UTC)
	return all{
		B: true, I8: -8, U8: 8, Octet: 255, Letter: 'x', I16: -1616, U16: 61616, I32: math.MinInt32, U32: math.MaxUint32, I64: math.MinInt64,
		U64: math.MaxUint64, F32: 1.5, F64: -2.25, Text: "läß 日本", AfterText: 7, BoundedText: "12345678", AfterBounded: 1e300,
		Bytes3: [3]uint8{1, 2, 3}, Doubles: [2]float64{math.Inf(1), -0.5}, Bools3: [3]bool{true, false, true}, Texts2: [2]string{"", "two"},
		Bytes: []byte{9, 8, 7}, Int8s: []int8{-1, 1}, Bools: []bool{true, false}, Shorts: []uint16{1, 2, 65535}, Ints: []int32{-1, 2, -3, 4},
		Longs: []int64{-5}, Floats: []float32{0.25, -0.25, 3}, DoublesAny: []float64{1, 2, 3}, Texts: []string{"a", "", "ccc"},
		ShortTexts: []string{"four", ""}, Inner: inner{1, 2, "three", -4}, Inners: [2]inner{{5, 6, "", 7}, {8, 9, "x", 10}},
		InnerList: []inner{{1, 1, "1", 1}, {2, 2, "22", 2}, {3, 3, "333", 3}}, Flats: []flat{{1, 2}, {3, 4}}, Flat3: [3]flat{{5, 6}, {7, 8}, {9, 10}},
		Mixed: []mixed{{1, 2, 3, true, 4}, {5, 6, 7, false, 8}}, Mixed2: [2]mixed{{9, 10, 11, true, 12}, {13, 14, 15, true, 16}},
		Nothings: make([]struct{}, 2), At: at, Lasting: -1500 * time.Millisecond, Times: []time.Time{at, {}}, Last: -1,
	}
}

func imuValue() imu {
	v := imu{Header: header{stamp{1700000000, 123456789}, "imu_link"}, Orientation: quaternion{0, 0, 0, 1}, AngularVelocity: vector{1, 2, 3}}
	for i := range 9 {
		v.OrientationCovariance[i], v.LinearAccelerationCovariance[i] = float64(i), -float64(i)
	}
	return v
}

func imageValue(width, height int) image {
	v := image{Header: header{stamp{5, 6}, "camera"}, Height: uint32(height), Width: uint32(width), Encoding: "rgb8", Step: uint32(3 * width)}
	v.Data = make([]byte, 3*width*height)
	for i := range v.Data {
		v.Data[i] = byte(i * 7)
	}
	return v
}

func cloudValue() cloud {
	return cloud{
		Header: header{stamp{7, 8}, "lidar"}, Height: 1, Width: 2, PointStep: 12, RowStep: 24, IsDense: true, Data: make([]byte, 24),
		Fields: []pointField{{"x", 0, 7, 1}, {"y", 4, 7, 1}, {"intensity", 8, 7, 1}},
	}
}
