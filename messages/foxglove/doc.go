// Package foxglove makes codecs that encode the types of package messages as Foxglove's schemas say, as protobuf or JSON. Foxglove and
// Lichtblick show these, and any other tool finds the schema in the topic or the recording:
//
//	codec := foxglove.Protobuf[messages.Image]()
//	pub, err := topic.NewPublisher(ctx, p, "camera/front", &topic.PublisherOptions[messages.Image]{Codec: codec})
//
// # Messages
//
//	PoseStamped       foxglove.PoseInFrame
//	TransformStamped  foxglove.FrameTransform
//	Transforms        foxglove.FrameTransforms
//	Imu               ros.sensor_msgs.Imu
//	LaserScan         foxglove.LaserScan
//	PointCloud        foxglove.PointCloud
//	Image             foxglove.RawImage
//	CompressedImage   foxglove.CompressedImage
//	CameraInfo        foxglove.CameraCalibration
//	OccupancyGrid     foxglove.Grid, with one field "occupancy"
//	JointState        foxglove.JointStates
//	Diagnostics       ros.diagnostic_msgs.DiagnosticArray
//	Log               foxglove.Log
//
// Foxglove has no message for Imu and Diagnostics. Their names are those by which viewers know ROS messages that are encoded as protobuf or
// JSON. Their fields are those of ROS 2; the numbers in protobuf are of this package. Lichtblick 1.28 does not know foxglove.JointStates
// yet. It shows joints that messages.CDR encodes.
//
// # What the messages lack
//
// Encoding leaves out what Foxglove's messages have no place for. Decoding leaves it zero, unless said otherwise:
//
//	LaserScan      TimeIncrement, ScanTime, RangeMin, RangeMax (decoded as +Inf)
//	PointCloud     IsDense, Height (decoded as 1)
//	CameraInfo     BinningX, BinningY, ROI
//	OccupancyGrid  Info.MapLoadTime
//	JointState     Header.FrameID
//	Log            Function
//
// The last angle of a scan is computed from AngleIncrement, as ROS 2 does, and AngleIncrement from the last angle when it is decoded.
//
// # What is an error
//
// Values that a viewer would misread are errors: big-endian images and clouds, clouds with bytes between rows or fields of more than one
// number, and Data whose length does not fit the size of a cloud or grid. Messages of other programs may hold what the structs cannot: scans
// and clouds with a pose of their own, grids of other cells. Their decoding is an error.
//
// Payloads are not trusted. Decoding is as packages protobuf and serde describe for their codecs.
package foxglove
