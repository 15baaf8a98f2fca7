package cdr

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"testing"

	"github.com/shmbus/shmbus/serde"
)

// The codecs by hand copy the fields of one message each, as a programmer would write it for speed: they are what Codec is compared with.
type imuByHand struct{ serde.Codec[imu] }
type imageByHand struct{ serde.Codec[image] }

var errByHand = errors.New("by hand")

func appendHeader(dst []byte, h *header) []byte {
	dst = append(dst, 0, 1, 0, 0)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(h.Stamp.Sec))
	dst = binary.LittleEndian.AppendUint32(dst, h.Stamp.Nanosec)
	return appendString(dst, h.FrameID)
}

func appendString(dst []byte, s string) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(s)+1))
	return append(append(dst, s...), 0)
}

func appendFloats(dst []byte, all ...float64) []byte {
	for _, x := range all {
		dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(x))
	}
	return dst
}

func alignBody(dst []byte, start, align int) []byte {
	for (len(dst)-start-4)%align != 0 {
		dst = append(dst, 0)
	}
	return dst
}

func (imuByHand) Append(dst []byte, v imu) ([]byte, error) {
	start := len(dst)
	dst = alignBody(appendHeader(dst, &v.Header), start, 8)
	dst = appendFloats(dst, v.Orientation.X, v.Orientation.Y, v.Orientation.Z, v.Orientation.W)
	dst = appendFloats(dst, v.OrientationCovariance[:]...)
	dst = appendFloats(dst, v.AngularVelocity.X, v.AngularVelocity.Y, v.AngularVelocity.Z)
	dst = appendFloats(dst, v.AngularVelocityCovariance[:]...)
	dst = appendFloats(dst, v.LinearAcceleration.X, v.LinearAcceleration.Y, v.LinearAcceleration.Z)
	return appendFloats(dst, v.LinearAccelerationCovariance[:]...), nil
}

func (imageByHand) Append(dst []byte, v image) ([]byte, error) {
	start := len(dst)
	dst = alignBody(appendHeader(dst, &v.Header), start, 4)
	dst = binary.LittleEndian.AppendUint32(dst, v.Height)
	dst = binary.LittleEndian.AppendUint32(dst, v.Width)
	dst = alignBody(append(appendString(dst, v.Encoding), v.IsBigendian), start, 4)
	dst = binary.LittleEndian.AppendUint32(dst, v.Step)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(v.Data)))
	return append(dst, v.Data...), nil
}

func decodeHeader(src []byte, h *header) (int, error) {
	if len(src) < 16 {
		return 0, errByHand
	}
	h.Stamp.Sec = int32(binary.LittleEndian.Uint32(src[4:]))
	h.Stamp.Nanosec = binary.LittleEndian.Uint32(src[8:])
	var err error
	pos := 12
	h.FrameID, pos, err = decodeString(src, pos)
	return pos, err
}

func decodeString(src []byte, pos int) (string, int, error) {
	if len(src)-pos < 4 {
		return "", 0, errByHand
	}
	n := int(binary.LittleEndian.Uint32(src[pos:]))
	if pos += 4; n < 1 || n > len(src)-pos {
		return "", 0, errByHand
	}
	return string(src[pos : pos+n-1]), pos + n, nil
}

func floats(src []byte, all ...*float64) []byte {
	for _, x := range all {
		*x = math.Float64frombits(binary.LittleEndian.Uint64(src))
		src = src[8:]
	}
	return src
}

func covariance(src []byte, all *[9]float64) []byte {
	for i := range all {
		all[i] = math.Float64frombits(binary.LittleEndian.Uint64(src[8*i:]))
	}
	return src[72:]
}

func (imuByHand) Decode(src []byte, v *imu) error {
	*v = imu{}
	pos, err := decodeHeader(src, &v.Header)
	if err != nil {
		return err
	}
	pos = (pos-4+7)&^7 + 4
	if len(src)-pos != 37*8 {
		return errByHand
	}
	src = floats(src[pos:], &v.Orientation.X, &v.Orientation.Y, &v.Orientation.Z, &v.Orientation.W)
	src = covariance(src, &v.OrientationCovariance)
	src = floats(src, &v.AngularVelocity.X, &v.AngularVelocity.Y, &v.AngularVelocity.Z)
	src = covariance(src, &v.AngularVelocityCovariance)
	src = floats(src, &v.LinearAcceleration.X, &v.LinearAcceleration.Y, &v.LinearAcceleration.Z)
	covariance(src, &v.LinearAccelerationCovariance)
	return nil
}

func (imageByHand) Decode(src []byte, v *image) error {
	*v = image{}
	pos, err := decodeHeader(src, &v.Header)
	if err != nil {
		return err
	}
	if pos = (pos + 3) &^ 3; len(src)-pos < 8 {
		return errByHand
	}
	v.Height = binary.LittleEndian.Uint32(src[pos:])
	v.Width = binary.LittleEndian.Uint32(src[pos+4:])
	if v.Encoding, pos, err = decodeString(src, pos+8); err != nil {
		return err
	}
	if len(src)-pos < 12 {
		return errByHand
	}
	v.IsBigendian = src[pos]
	pos = (pos + 1 + 3) &^ 3
	v.Step = binary.LittleEndian.Uint32(src[pos:])
	n := int(binary.LittleEndian.Uint32(src[pos+4:]))
	if pos += 8; n != len(src)-pos {
		return errByHand
	}
	v.Data = append([]byte(nil), src[pos:]...)
	return nil
}

func (c imuByHand) Encoder() serde.Encoder[imu]     { return c }
func (c imuByHand) Decoder() serde.Decoder[imu]     { return c }
func (c imageByHand) Encoder() serde.Encoder[image] { return c }
func (c imageByHand) Decoder() serde.Decoder[image] { return c }

func TestCodecsByHand_MakeTheSameBytes(t *testing.T) {
	sameBytes(t, mustCodec[imu](t, "sensor_msgs/msg/Imu", imuSchema), imuByHand{}, imuValue())
	sameBytes(t, mustCodec[image](t, "sensor_msgs/msg/Image", imageSchema), imageByHand{}, imageValue(8, 8))
}

func sameBytes[T any](t *testing.T, c, byHand serde.Codec[T], v T) {
	t.Helper()
	a, err := c.Encoder().Append(nil, v)
	if err != nil {
		t.Fatal(err)
	}
	b, err := byHand.Encoder().Append(nil, v)
	if err != nil || !bytes.Equal(a, b) {
		t.Errorf("%x, %v\n%x", a, err, b)
	}
	var w T
	if err := byHand.Decoder().Decode(a, &w); err != nil {
		t.Error(err)
	}
	if b, err = c.Encoder().Append(nil, w); err != nil || !bytes.Equal(a, b) {
		t.Errorf("%x, %v\n%x", a, err, b)
	}
}

func benchmark[T any](b *testing.B, c serde.Codec[T], v T) {
	enc, dec := c.Encoder(), c.Decoder()
	payload, err := enc.Append(nil, v)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			payload, _ = enc.Append(payload[:0], v)
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := dec.Decode(payload, &v); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkImu(b *testing.B) {
	b.Run("codec", func(b *testing.B) { benchmark(b, mustCodec[imu](b, "sensor_msgs/msg/Imu", imuSchema), imuValue()) })
	b.Run("byhand", func(b *testing.B) { benchmark(b, serde.Codec[imu](imuByHand{}), imuValue()) })
}

func BenchmarkImage(b *testing.B) {
	v := imageValue(640, 480)
	b.Run("codec", func(b *testing.B) { benchmark(b, mustCodec[image](b, "sensor_msgs/msg/Image", imageSchema), v) })
	b.Run("byhand", func(b *testing.B) { benchmark(b, serde.Codec[image](imageByHand{}), v) })
}
