package messages

// A PointCloud is a set of points, each of which is PointStep bytes of Data with the fields that Fields describes
// (sensor_msgs/msg/PointCloud2, foxglove.PointCloud). Viewers expect fields of type Float32 or Float64 with the names "x", "y" and "z", in m.
// Other usual names are "intensity", "rgb" and "ring".
type PointCloud struct {
	Header      Header
	Height      uint32 // number of rows; 1 if the points have no order
	Width       uint32 // number of points in a row
	Fields      []PointField
	IsBigEndian bool
	PointStep   uint32 // bytes from one point to the next
	RowStep     uint32 // bytes from one row to the next
	Data        []byte // Height * RowStep bytes
	IsDense     bool   // no point has a NaN or an infinity
}

// A PointField is a number of each point.
type PointField struct {
	Name     string
	Offset   uint32 // from the start of the point, in bytes
	Datatype uint8  // one of Int8 to Float64
	Count    uint32 // 1, or the length of an array
}

// Types of the numbers of point clouds.
const (
	Int8    uint8 = 1
	Uint8   uint8 = 2
	Int16   uint8 = 3
	Uint16  uint8 = 4
	Int32   uint8 = 5
	Uint32  uint8 = 6
	Float32 uint8 = 7
	Float64 uint8 = 8
)

// An OccupancyGrid is a map of free and occupied cells in a plane (nav_msgs/msg/OccupancyGrid, foxglove.Grid).
type OccupancyGrid struct {
	Header Header
	Info   GridInfo
	Data   []int8 // row by row from the origin on: probability from 0 to 100 that the cell is occupied, or -1 if it is not known
}

// A GridInfo says what the cells of an OccupancyGrid are.
type GridInfo struct {
	MapLoadTime Time
	Resolution  float32 // m, side of a cell
	Width       uint32  // cells in a row, along x of the origin
	Height      uint32  // rows, along y of the origin
	Origin      Pose    // of the corner of the first cell
}
