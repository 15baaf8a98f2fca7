// Package cdr encodes ROS 2 messages as ROS 2 does, so that recordings of ROS 2 robots are data like any other.
//
// [Codec] makes a codec from the definition of a message and a Go struct. [ToJSON] and [FromJSON] are for tools, which know the
// definition only. In recordings the encoding is "cdr" and the schema encoding "ros2msg", the names that MCAP registers.
//
// # Schemas
//
// A schema is text: the fields of the message as its .msg file has them, then each type that it uses, directly or not, below a line of
// "=" and a line with the name of the type:
//
//	std_msgs/Header header
//	float64 value
//	================================================================================
//	MSG: std_msgs/Header
//	builtin_interfaces/Time stamp
//	string frame_id
//
// This is what recordings of ROS 2 contain. builtin_interfaces/Time and Duration need no definition. Constants and default values are
// checked. Default values are used by FromJSON only. A definition has at most [MaxSchema] bytes, types may nest [MaxDepth] deep, and a
// type that contains itself is an error. A subscription takes publishers whose definition has the same fields.
//
// # Go types
//
// T is a struct with one exported field for each field of the message, in any order. Names match without underscores and case: frame_id
// and FrameID. The tag `ros:"frame_id"` names the field of the message, and `ros:"-"` leaves a Go field out. Types match as follows:
//
//	bool, int8 to int64, uint8 to uint64     the Go type of that name, or a type of that kind
//	byte, char                               uint8
//	float32, float64                         float32, float64
//	string, string<=N, wstring               string
//	T[N]                                     [N]T
//	T[], T[<=N]                              []T
//	another message                          a struct
//	builtin_interfaces/Time                  a struct of Sec int32 and Nanosec uint32, or time.Time
//	builtin_interfaces/Duration              a struct of Sec int32 and Nanosec uint32, or time.Duration
//
// The zero time.Time is encoded as 0 seconds and 0 nanoseconds, and decoded from it. Fields that follow each other in T as in the message
// are copied at once, which makes a struct in the order of the message the fastest.
//
// # Payloads
//
// The encoding is XCDR1 with an encapsulation header of four bytes, little-endian. Big-endian payloads are decoded too. XCDR2 and
// parameter lists are errors. A wstring has four bytes per unit of UTF-16, as the default middleware of ROS 2 writes it. Strings are
// any bytes: that they are UTF-8 is not checked.
//
// Payloads are not trusted. Lengths are checked against the bytes that are left before memory is allocated for them, each byte is read
// once, a bool that is neither 0 nor 1 is an error, and so are bytes after the value, except for up to three that fill the payload up to
// a multiple of four. Each error is a *serde.DecodeError that wraps a [*FieldError] with the path of the field and the offset.
package cdr
