package foxglove

import (
	"fmt"
	"math"

	"github.com/shmbus/shmbus/messages"
	"github.com/shmbus/shmbus/messages/foxglove/internal/pb"
)

func setHeader(to **pb.Header, h messages.Header) {
	m := made(to)
	setTime(&m.Stamp, h.Stamp)
	m.FrameId = h.FrameID
}

func getHeader(m *pb.Header) (messages.Header, error) {
	stamp, err := getTime(m.GetStamp())
	return messages.Header{Stamp: stamp, FrameID: m.GetFrameId()}, err
}

func setDiagnostics(m *pb.DiagnosticArray, v *messages.Diagnostics) error {
	setHeader(&m.Header, v.Header)
	m.Status = resized(m.Status, len(v.Status))
	for i := range v.Status {
		to, from := m.Status[i], &v.Status[i]
		to.Level, to.Name, to.Message, to.HardwareId = uint32(from.Level), from.Name, from.Message, from.HardwareID
		to.Values = resized(to.Values, len(from.Values))
		for j, kv := range from.Values {
			to.Values[j].Key, to.Values[j].Value = kv.Key, kv.Value
		}
	}
	return nil
}

func getDiagnostics(v *messages.Diagnostics, m *pb.DiagnosticArray) (err error) {
	if len(m.Status) > 0 {
		v.Status = make([]messages.DiagnosticStatus, len(m.Status))
	}
	for i, from := range m.Status {
		if from.Level > math.MaxUint8 {
			return fmt.Errorf("status[%d]: its level, %d, does not fit into 8 bits", i, from.Level)
		}
		to := &v.Status[i]
		to.Level, to.Name, to.Message, to.HardwareID = uint8(from.Level), from.Name, from.Message, from.HardwareId
		if len(from.Values) > 0 {
			to.Values = make([]messages.KeyValue, len(from.Values))
		}
		for j, kv := range from.Values {
			to.Values[j] = messages.KeyValue{Key: kv.Key, Value: kv.Value}
		}
	}
	v.Header, err = getHeader(m.Header)
	return err
}

// setLog makes a level of tens one of units, as INFO is 20 in ROS and 2 in Foxglove. Levels between are rounded down.
func setLog(m *pb.Log, v *messages.Log) error {
	setTime(&m.Timestamp, v.Stamp)
	m.Level = min(pb.Log_Level(v.Level/10), pb.Log_FATAL)
	m.Name, m.Message, m.File, m.Line = v.Name, v.Msg, v.File, v.Line
	return nil
}

func getLog(v *messages.Log, m *pb.Log) (err error) {
	if m.Level < pb.Log_UNKNOWN || m.Level > pb.Log_FATAL {
		return fmt.Errorf("its level, %d, is not known", m.Level)
	}
	v.Level = 10 * uint8(m.Level)
	v.Name, v.Msg, v.File, v.Line = m.Name, m.Message, m.File, m.Line
	v.Stamp, err = getTime(m.Timestamp)
	return err
}
