package foxglove

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/shmbus/shmbus/internal/mem"
	"github.com/shmbus/shmbus/messages"
	"github.com/shmbus/shmbus/messages/foxglove/internal/pb"
)

// numericTypes are the types of numbers in the order of messages.Int8 to messages.Float64.
var numericTypes = []pb.PackedElementField_NumericType{
	pb.PackedElementField_UNKNOWN,
	pb.PackedElementField_INT8, pb.PackedElementField_UINT8, pb.PackedElementField_INT16, pb.PackedElementField_UINT16,
	pb.PackedElementField_INT32, pb.PackedElementField_UINT32, pb.PackedElementField_FLOAT32, pb.PackedElementField_FLOAT64,
}

func setCloud(m *pb.PointCloud, v *messages.PointCloud) error {
	setTime(&m.Timestamp, v.Header.Stamp)
	m.FrameId, m.PointStride, m.Data = v.Header.FrameID, v.PointStep, v.Data
	setInnerPose(&m.Pose, noPose())
	m.Fields = resized(m.Fields, len(v.Fields))
	for i, f := range v.Fields {
		if f.Count != 1 || f.Datatype == 0 || int(f.Datatype) >= len(numericTypes) {
			return fmt.Errorf("field %q has type %d and count %d; Foxglove's points have single numbers of types 1 to 8", f.Name, f.Datatype, f.Count)
		}
		m.Fields[i].Name, m.Fields[i].Offset, m.Fields[i].Type = f.Name, f.Offset, numericTypes[f.Datatype]
	}
	switch row := uint64(v.Width) * uint64(v.PointStep); {
	case v.IsBigEndian:
		return errBigEndian
	case v.Height > 1 && uint64(v.RowStep) != row:
		return fmt.Errorf("its RowStep is %d, and %d points of %d bytes take %d; Foxglove's clouds have no bytes between rows", v.RowStep, v.Width, v.PointStep, row)
	case uint64(len(v.Data)) != uint64(v.Height)*row:
		return fmt.Errorf("its Data has %d bytes, not %d x %d points of %d", len(v.Data), v.Height, v.Width, v.PointStep)
	}
	return nil
}

func getCloud(v *messages.PointCloud, m *pb.PointCloud) (err error) {
	if err := checkNoPose(m.Pose); err != nil {
		return err
	}
	if len(m.Fields) > 0 {
		v.Fields = make([]messages.PointField, len(m.Fields))
	}
	for i, f := range m.Fields {
		t := slices.Index(numericTypes, f.Type)
		if t < int(messages.Int8) {
			return fmt.Errorf("fields[%d]: its type, %d, is not known", i, f.Type)
		}
		v.Fields[i] = messages.PointField{Name: f.Name, Offset: f.Offset, Datatype: uint8(t), Count: 1}
	}
	n := uint64(len(m.Data))
	if n > math.MaxUint32 || n > 0 && (m.PointStride == 0 || n%uint64(m.PointStride) != 0) {
		return fmt.Errorf("data has %d bytes, which are no points of %d", n, m.PointStride)
	}
	v.Height, v.PointStep, v.RowStep, v.Data = 1, m.PointStride, uint32(n), m.Data
	if n > 0 {
		v.Width = uint32(n) / m.PointStride
	}
	v.Header, err = headerOf(m)
	return err
}

// occupancy is the name of the field of grids.
const occupancy = "occupancy"

func setGrid(m *pb.Grid, v *messages.OccupancyGrid) error {
	setTime(&m.Timestamp, v.Header.Stamp)
	m.FrameId, m.ColumnCount, m.RowStride, m.CellStride = v.Header.FrameID, v.Info.Width, v.Info.Width, 1
	setInnerPose(&m.Pose, v.Info.Origin)
	size := made(&m.CellSize)
	size.X, size.Y = float64(v.Info.Resolution), float64(v.Info.Resolution)
	m.Fields = resized(m.Fields, 1)
	m.Fields[0].Name, m.Fields[0].Type = occupancy, pb.PackedElementField_INT8
	n, cells := mem.ValueOf(&v.Data).Elements(0, 1)
	m.Data = cells.Bytes(0, uintptr(n))
	if uint64(n) != uint64(v.Info.Width)*uint64(v.Info.Height) {
		return fmt.Errorf("its Data has %d cells, not %d x %d", n, v.Info.Width, v.Info.Height)
	}
	return nil
}

var errCells = errors.New("only square cells of one INT8 without gaps can be decoded as an occupancy grid")

func getGrid(v *messages.OccupancyGrid, m *pb.Grid) (err error) {
	size := m.GetCellSize()
	if len(m.Fields) != 1 || m.Fields[0].Type != pb.PackedElementField_INT8 || m.Fields[0].Offset != 0 || m.CellStride != 1 ||
		m.RowStride != m.ColumnCount || size.GetX() != size.GetY() {
		return errCells
	}
	n := uint64(len(m.Data))
	if n > 0 && (m.ColumnCount == 0 || n%uint64(m.ColumnCount) != 0) {
		return fmt.Errorf("data has %d cells, which are no rows of %d", n, m.ColumnCount)
	}
	v.Info = messages.GridInfo{Resolution: float32(size.GetX()), Width: m.ColumnCount, Origin: getInnerPose(m.Pose)}
	if n > 0 {
		v.Info.Height = uint32(n / uint64(m.ColumnCount))
		mem.ValueOf(&v.Data).SetElements(0, m.Data, len(m.Data))
	}
	v.Header, err = headerOf(m)
	return err
}
