package messages

// A CameraInfo is the calibration of a camera (sensor_msgs/msg/CameraInfo, foxglove.CameraCalibration). A viewer needs K or P to place the
// image in space. All zeros mean that a matrix is not known.
type CameraInfo struct {
	Header          Header // the frame is that of the camera
	Height          uint32 // of the images that were calibrated, in pixels
	Width           uint32
	DistortionModel string      // "plumb_bob", "rational_polynomial" or "equidistant", or another name that the receiver knows
	D               []float64   // coefficients of the model: k1, k2, t1, t2, k3 for plumb_bob
	K               [9]float64  // row by row: projects points in the frame of the camera to pixels of the distorted image
	R               [9]float64  // row by row: rotation that makes the rows of a stereo pair match; identity for a single camera
	P               [12]float64 // row by row, 3 x 4: projects points to pixels of the rectified image
	BinningX        uint32      // pixels of the sensor that became one pixel of the image; 0 is 1
	BinningY        uint32
	ROI             RegionOfInterest
}

// A RegionOfInterest is the part of the sensor that the images show, in pixels before binning. The zero value is the whole sensor.
type RegionOfInterest struct {
	XOffset   uint32 // left edge
	YOffset   uint32 // upper edge
	Height    uint32
	Width     uint32
	DoRectify bool // a receiver shall compute a region of interest for the rectified image
}
