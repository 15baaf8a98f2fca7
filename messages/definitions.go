package messages

import "strings"

// definitions has the fields of each ROS 2 message, and its constants. Types of messages have the name of their package.
var definitions = map[string]string{
	"builtin_interfaces/Time": `int32 sec
uint32 nanosec
`,
	"std_msgs/Header": `builtin_interfaces/Time stamp
string frame_id
`,
	"geometry_msgs/Point": `float64 x
float64 y
float64 z
`,
	"geometry_msgs/Vector3": `float64 x
float64 y
float64 z
`,
	"geometry_msgs/Quaternion": `float64 x 0
float64 y 0
float64 z 0
float64 w 1
`,
	"geometry_msgs/Pose": `geometry_msgs/Point position
geometry_msgs/Quaternion orientation
`,
	"geometry_msgs/PoseStamped": `std_msgs/Header header
geometry_msgs/Pose pose
`,
	"geometry_msgs/Transform": `geometry_msgs/Vector3 translation
geometry_msgs/Quaternion rotation
`,
	"geometry_msgs/TransformStamped": `std_msgs/Header header
string child_frame_id
geometry_msgs/Transform transform
`,
	"tf2_msgs/TFMessage": `geometry_msgs/TransformStamped[] transforms
`,
	"sensor_msgs/Imu": `std_msgs/Header header
geometry_msgs/Quaternion orientation
float64[9] orientation_covariance
geometry_msgs/Vector3 angular_velocity
float64[9] angular_velocity_covariance
geometry_msgs/Vector3 linear_acceleration
float64[9] linear_acceleration_covariance
`,
	"sensor_msgs/LaserScan": `std_msgs/Header header
float32 angle_min
float32 angle_max
float32 angle_increment
float32 time_increment
float32 scan_time
float32 range_min
float32 range_max
float32[] ranges
float32[] intensities
`,
	"sensor_msgs/PointField": `uint8 INT8=1
uint8 UINT8=2
uint8 INT16=3
uint8 UINT16=4
uint8 INT32=5
uint8 UINT32=6
uint8 FLOAT32=7
uint8 FLOAT64=8
string name
uint32 offset
uint8 datatype
uint32 count
`,
	"sensor_msgs/PointCloud2": `std_msgs/Header header
uint32 height
uint32 width
sensor_msgs/PointField[] fields
bool is_bigendian
uint32 point_step
uint32 row_step
uint8[] data
bool is_dense
`,
	"sensor_msgs/Image": `std_msgs/Header header
uint32 height
uint32 width
string encoding
uint8 is_bigendian
uint32 step
uint8[] data
`,
	"sensor_msgs/CompressedImage": `std_msgs/Header header
string format
uint8[] data
`,
	"sensor_msgs/RegionOfInterest": `uint32 x_offset
uint32 y_offset
uint32 height
uint32 width
bool do_rectify
`,
	"sensor_msgs/CameraInfo": `std_msgs/Header header
uint32 height
uint32 width
string distortion_model
float64[] d
float64[9] k
float64[9] r
float64[12] p
uint32 binning_x
uint32 binning_y
sensor_msgs/RegionOfInterest roi
`,
	"nav_msgs/MapMetaData": `builtin_interfaces/Time map_load_time
float32 resolution
uint32 width
uint32 height
geometry_msgs/Pose origin
`,
	"nav_msgs/OccupancyGrid": `std_msgs/Header header
nav_msgs/MapMetaData info
int8[] data
`,
	"sensor_msgs/JointState": `std_msgs/Header header
string[] name
float64[] position
float64[] velocity
float64[] effort
`,
	"diagnostic_msgs/KeyValue": `string key
string value
`,
	"diagnostic_msgs/DiagnosticStatus": `byte OK=0
byte WARN=1
byte ERROR=2
byte STALE=3
byte level
string name
string message
string hardware_id
diagnostic_msgs/KeyValue[] values
`,
	"diagnostic_msgs/DiagnosticArray": `std_msgs/Header header
diagnostic_msgs/DiagnosticStatus[] status
`,
	"rcl_interfaces/Log": `byte DEBUG=10
byte INFO=20
byte WARN=30
byte ERROR=40
byte FATAL=50
builtin_interfaces/Time stamp
uint8 level
string name
string msg
string file
string function
uint32 line
`,
}

const separator = "================================================================================\nMSG: "

// schemaOf returns the definition of a message with those of all messages that it contains, as recordings have it.
func schemaOf(name string) string {
	var text strings.Builder
	names := []string{name}
	added := map[string]bool{}
	for i := 0; i < len(names); i++ {
		if i > 0 {
			text.WriteString(separator + names[i] + "\n")
		}
		text.WriteString(definitions[names[i]])
		for line := range strings.Lines(definitions[names[i]]) {
			inner, _, _ := strings.Cut(line, " ")
			inner = strings.TrimSuffix(inner, "[]")
			if strings.Contains(inner, "/") && !added[inner] {
				added[inner] = true
				names = append(names, inner)
			}
		}
	}
	return text.String()
}
