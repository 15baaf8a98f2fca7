package messages_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/shmbus/shmbus/messages"
	"github.com/shmbus/shmbus/messages/foxglove"
	"github.com/shmbus/shmbus/serde"
)

// A tested is a type with a value, in which no field is zero.
type tested interface {
	name() string
	testRoundTrip(t *testing.T)
	testHostile(t *testing.T)
	testAllocations(t *testing.T)
	payload(tb testing.TB, form string) []byte
	decoding(form string) func(t *testing.T, payload []byte)
}

type typed[T messages.Message] struct {
	v    T
	lost func(v *T) // changes v as a conversion to Foxglove's message and back does; nil if it changes nothing
}

func (c typed[T]) name() string { return strings.TrimPrefix(fmt.Sprintf("%T", c.v), "messages.") }

// forms are the codecs of T.
func forms[T messages.Message]() map[string]serde.Codec[T] {
	return map[string]serde.Codec[T]{"cdr": messages.CDR[T](), "protobuf": foxglove.Protobuf[T](), "json": foxglove.JSON[T]()}
}

func types() []tested {
	h := messages.Header{Stamp: messages.Time{Sec: 1700000000, Nanosec: 123456789}, FrameID: "base \"link\" ä"}
	pose := messages.Pose{Position: messages.Vector3{X: 1, Y: -2.5, Z: 1e-9}, Orientation: messages.Quaternion{X: 0.5, Y: -0.5, Z: 0.5, W: 0.1}}
	transform := messages.TransformStamped{Header: h, ChildFrameID: "camera", Transform: messages.Transform{Translation: pose.Position, Rotation: pose.Orientation}}
	return []tested{
		typed[messages.PoseStamped]{v: messages.PoseStamped{Header: h, Pose: pose}},
		typed[messages.TransformStamped]{v: transform},
		typed[messages.Transforms]{v: messages.Transforms{Transforms: []messages.TransformStamped{transform, {}, transform}}},
		typed[messages.Imu]{v: messages.Imu{
			Header: h, Orientation: pose.Orientation, OrientationCovariance: [9]float64{1, 2, 3, 4, 5, 6, 7, 8, 9},
			AngularVelocity: messages.Vector3{X: 10, Y: 11, Z: 12}, AngularVelocityCovariance: [9]float64{-1, 13},
			LinearAcceleration: messages.Vector3{Z: 9.81}, LinearAccelerationCovariance: [9]float64{8: 14},
		}},
		typed[messages.LaserScan]{
			v: messages.LaserScan{
				Header: h, AngleMin: -1, AngleMax: 1, AngleIncrement: 0.5, TimeIncrement: 1, ScanTime: 2, RangeMin: 0.1, RangeMax: 30,
				Ranges: []float32{0.1, 2, 3.7, 40, 5}, Intensities: []float32{9, 8, 7, 6, 5},
			},
			lost: func(v *messages.LaserScan) {
				v.TimeIncrement, v.ScanTime, v.RangeMin, v.RangeMax = 0, 0, 0, float32(math.Inf(1))
			},
		},
		typed[messages.PointCloud]{
			v: messages.PointCloud{
				Header: h, Height: 1, Width: 2, PointStep: 8, RowStep: 16, Data: []byte("sixteen bytes..."), IsDense: true,
				Fields: []messages.PointField{
					{Name: "a", Offset: 0, Datatype: messages.Int8, Count: 1}, {Name: "b", Offset: 1, Datatype: messages.Uint8, Count: 1},
					{Name: "c", Offset: 2, Datatype: messages.Int16, Count: 1}, {Name: "d", Offset: 2, Datatype: messages.Uint16, Count: 1},
					{Name: "e", Offset: 4, Datatype: messages.Int32, Count: 1}, {Name: "f", Offset: 4, Datatype: messages.Uint32, Count: 1},
					{Name: "x", Offset: 4, Datatype: messages.Float32, Count: 1}, {Name: "y", Offset: 0, Datatype: messages.Float64, Count: 1},
				},
			},
			lost: func(v *messages.PointCloud) { v.IsDense = false },
		},
		typed[messages.Image]{
			v:    messages.Image{Header: h, Height: 2, Width: 1, Encoding: "rgb8", IsBigEndian: 1, Step: 4, Data: []byte{1, 2, 3, 0, 255, 254, 253, 0}},
			lost: func(v *messages.Image) { v.IsBigEndian = 0 },
		},
		typed[messages.CompressedImage]{v: messages.CompressedImage{Header: h, Format: "jpeg", Data: []byte{0xff, 0xd8, 0xff}}},
		typed[messages.CameraInfo]{
			v: messages.CameraInfo{
				Header: h, Height: 480, Width: 640, DistortionModel: "plumb_bob", D: []float64{0.1, -0.2, 0.3, -0.4, 0.5},
				K: [9]float64{500, 0, 320, 0, 500, 240, 0, 0, 1}, R: [9]float64{1, 0, 0, 0, 1, 0, 0, 0, 1},
				P: [12]float64{500, 0, 320, 0, 0, 500, 240, 0, 0, 0, 1, 7}, BinningX: 1, BinningY: 2,
				ROI: messages.RegionOfInterest{XOffset: 1, YOffset: 2, Height: 3, Width: 4, DoRectify: true},
			},
			lost: func(v *messages.CameraInfo) { v.BinningX, v.BinningY, v.ROI = 0, 0, messages.RegionOfInterest{} },
		},
		typed[messages.OccupancyGrid]{
			v: messages.OccupancyGrid{
				Header: h, Info: messages.GridInfo{MapLoadTime: h.Stamp, Resolution: 0.05, Width: 3, Height: 2, Origin: pose}, Data: []int8{-1, 0, 100, 50, -1, 1},
			},
			lost: func(v *messages.OccupancyGrid) { v.Info.MapLoadTime = messages.Time{} },
		},
		typed[messages.JointState]{
			v:    messages.JointState{Header: h, Name: []string{"hip", "knee"}, Position: []float64{1, 0}, Velocity: []float64{0, 2}, Effort: []float64{3, 4}},
			lost: func(v *messages.JointState) { v.Header.FrameID = "" },
		},
		typed[messages.Diagnostics]{v: messages.Diagnostics{Header: h, Status: []messages.DiagnosticStatus{
			{Level: messages.StatusWarn, Name: "battery", Message: "low", HardwareID: "7", Values: []messages.KeyValue{{Key: "voltage", Value: "11.1"}, {Key: "t"}}},
			{Level: messages.StatusStale, Name: "lidar"},
		}}},
		typed[messages.Log]{
			v:    messages.Log{Stamp: h.Stamp, Level: messages.LogWarn, Name: "planner", Msg: "no way\n", File: "plan.go", Function: "Plan", Line: 17},
			lost: func(v *messages.Log) { v.Function = "" },
		},
	}
}

func TestCodecs_RoundTrip(t *testing.T) {
	for _, c := range types() {
		t.Run(c.name(), c.testRoundTrip)
	}
}

func (c typed[T]) testRoundTrip(t *testing.T) {
	for name, codec := range forms[T]() {
		want, zero := c.v, *new(T)
		if c.lost != nil && name != "cdr" {
			c.lost(&want)
			c.lost(&zero)
		}
		if m, ok := any(&zero).(*messages.PointCloud); ok && name != "cdr" {
			m.Height = 1 // of a cloud without points
		}
		enc, dec := codec.Encoder(), codec.Decoder()
		for range 2 { // with an encoder that is used before, too
			for _, v := range []struct{ given, want T }{{c.v, want}, {*new(T), zero}} {
				payload, err := enc.Append([]byte("before"), v.given)
				if err != nil || !bytes.HasPrefix(payload, []byte("before")) {
					t.Fatalf("%s: %q, %v", name, payload, err)
				}
				var got T
				if err := dec.Decode(payload[len("before"):], &got); err != nil {
					t.Fatalf("%s: %v in %q", name, err, payload)
				}
				clear(payload)
				if diff := cmp.Diff(v.want, got); diff != "" {
					t.Errorf("%s: %s", name, diff)
				}
			}
		}
	}
}

func TestEncoders_DoNotAllocate(t *testing.T) {
	for _, c := range types() {
		t.Run(c.name(), c.testAllocations)
	}
	t.Run("Image of 640 x 480", func(t *testing.T) {
		for name, codec := range forms[messages.Image]() {
			checkAllocations(t, name, codec, largeImage(), 0)
		}
	})
}

func largeImage() messages.Image {
	return messages.Image{Header: messages.Header{FrameID: "camera"}, Height: 480, Width: 640, Encoding: "rgb8", Step: 1920, Data: make([]byte, 480*1920)}
}

func (c typed[T]) testAllocations(t *testing.T) {
	for name, codec := range forms[T]() {
		limit := 0.0
		if name == "json" {
			limit = 6 // one for each list, two for each text that needs an escape
		}
		checkAllocations(t, name, codec, c.v, limit)
	}
}

func checkAllocations[T any](t *testing.T, name string, codec serde.Codec[T], v T, limit float64) {
	t.Helper()
	enc := codec.Encoder()
	dst, err := enc.Append(nil, v)
	if err != nil {
		t.Fatal(err)
	}
	n := testing.AllocsPerRun(20, func() { dst, err = enc.Append(dst[:0], v) })
	if err != nil || n > limit {
		t.Errorf("%s: %v allocations, more than %v (%v)", name, n, limit, err)
	}
}

func TestCodecs_HostilePayloads(t *testing.T) {
	for _, c := range types() {
		t.Run(c.name(), c.testHostile)
	}
}

// testHostile decodes each truncation and each change of one byte.
func (c typed[T]) testHostile(t *testing.T) {
	for name, codec := range forms[T]() {
		payload, err := codec.Encoder().Append(nil, c.v)
		if err != nil {
			t.Fatal(err)
		}
		dec := codec.Decoder()
		decode := func(b []byte) {
			t.Helper()
			v := c.v
			err := dec.Decode(b, &v)
			var bad *serde.DecodeError
			if err != nil && (!errors.As(err, &bad) || bad.Type != codec.Type().Name || bad.Encoding != name || !cmp.Equal(v, *new(T))) {
				t.Fatalf("%s: %q: not a *DecodeError: %v (value %v)", name, b, err, v)
			}
		}
		for n := range payload {
			decode(payload[:n])
			for _, x := range []byte{1, 2, 0x10, 0x80, 0xff} {
				b := bytes.Clone(payload)
				b[n] ^= x
				decode(b)
			}
		}
		if err := dec.Decode(payload, &c.v); err != nil {
			t.Errorf("%s: the decoder is of no use after errors: %v", name, err)
		}
	}
}

func (c typed[T]) payload(tb testing.TB, form string) []byte {
	payload, err := forms[T]()[form].Encoder().Append(nil, c.v)
	if err != nil {
		tb.Fatal(err)
	}
	return payload
}

// decoding returns a function that decodes any bytes. Values of binary forms can be encoded again.
func (c typed[T]) decoding(form string) func(t *testing.T, payload []byte) {
	codec := forms[T]()[form]
	enc, dec := codec.Encoder(), codec.Decoder()
	return func(t *testing.T, payload []byte) {
		var v T
		if err := dec.Decode(payload, &v); err != nil {
			if !errors.As(err, new(*serde.DecodeError)) {
				t.Fatalf("not a *DecodeError: %v", err)
			}
			return
		}
		again, err := enc.Append(nil, v)
		if form == "json" {
			return // a time before 1970 can be decoded only
		}
		if err == nil {
			err = dec.Decode(again, &v)
		}
		if err != nil {
			t.Fatalf("%x, made from %x: %v", again, payload, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	var decode []func(t *testing.T, payload []byte)
	for _, c := range types() {
		for _, form := range []string{"cdr", "protobuf", "json"} {
			f.Add(byte(len(decode)), c.payload(f, form))
			decode = append(decode, c.decoding(form))
		}
	}
	f.Fuzz(func(t *testing.T, which byte, payload []byte) { decode[int(which)%len(decode)](t, payload) })
}
