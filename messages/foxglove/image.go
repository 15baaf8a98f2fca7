package foxglove

import (
	"errors"
	"fmt"
	"strings"

	"github.com/shmbus/shmbus/messages"
	"github.com/shmbus/shmbus/messages/foxglove/internal/pb"
)

var errBigEndian = errors.New("it is big-endian, and Foxglove has little-endian data only")

func setImage(m *pb.RawImage, v *messages.Image) error {
	setTime(&m.Timestamp, v.Header.Stamp)
	m.FrameId, m.Width, m.Height, m.Encoding, m.Step, m.Data = v.Header.FrameID, v.Width, v.Height, v.Encoding, v.Step, v.Data
	if v.IsBigEndian != 0 && (strings.Contains(v.Encoding, "16") || strings.Contains(v.Encoding, "32") || strings.Contains(v.Encoding, "64")) {
		return errBigEndian
	}
	return checkRows(v)
}

// checkRows refuses an image whose data are too short for its size.
func checkRows(v *messages.Image) error {
	if need := uint64(v.Step) * uint64(v.Height); uint64(len(v.Data)) < need { // some encodings have more
		return fmt.Errorf("its data has %d bytes, fewer than Step times Height, %d", len(v.Data), need)
	}
	if v.Step == 0 && v.Width > 0 && v.Height > 0 {
		return errors.New("its Step, the bytes of a row, is 0")
	}
	return nil
}

func getImage(v *messages.Image, m *pb.RawImage) (err error) {
	v.Width, v.Height, v.Encoding, v.Step, v.Data = m.Width, m.Height, m.Encoding, m.Step, m.Data
	if err = checkRows(v); err != nil {
		return err
	}
	v.Header, err = headerOf(m)
	return err
}

func setCompressed(m *pb.CompressedImage, v *messages.CompressedImage) error {
	setTime(&m.Timestamp, v.Header.Stamp)
	m.FrameId, m.Format, m.Data = v.Header.FrameID, v.Format, v.Data
	return nil
}

func getCompressed(v *messages.CompressedImage, m *pb.CompressedImage) (err error) {
	v.Format, v.Data = m.Format, m.Data
	v.Header, err = headerOf(m)
	return err
}

func setCamera(m *pb.CameraCalibration, v *messages.CameraInfo) error {
	setTime(&m.Timestamp, v.Header.Stamp)
	m.FrameId, m.Width, m.Height, m.DistortionModel = v.Header.FrameID, v.Width, v.Height, v.DistortionModel
	m.D, m.K = append(m.D[:0], v.D...), append(m.K[:0], v.K[:]...)
	m.R, m.P = append(m.R[:0], v.R[:]...), append(m.P[:0], v.P[:]...)
	return nil
}

func getCamera(v *messages.CameraInfo, m *pb.CameraCalibration) (err error) {
	v.Width, v.Height, v.DistortionModel, v.D = m.Width, m.Height, m.DistortionModel, m.D
	if err = fixed(v.K[:], m.K, "K"); err != nil {
		return err
	}
	if err = fixed(v.R[:], m.R, "R"); err != nil {
		return err
	}
	if err = fixed(v.P[:], m.P, "P"); err != nil {
		return err
	}
	v.Header, err = headerOf(m)
	return err
}
