package foxglove

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/shmbus/shmbus/messages"
	"github.com/shmbus/shmbus/messages/foxglove/internal/pb"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/serde/protobuf"
)

// encodeError returns what the encoder of one form says to v. It checks that the encoder works afterwards.
func encodeError[T messages.Message](t *testing.T, c serde.Codec[T], v T) string {
	t.Helper()
	enc := c.Encoder()
	b, err := enc.Append([]byte("before"), v)
	if err == nil || string(b) != "before" {
		t.Fatalf("encoded as %q (%v)", b, err)
	}
	if _, err := enc.Append(nil, *new(T)); err != nil {
		t.Errorf("the encoder is of no use after an error: %v", err)
	}
	return err.Error()
}

func TestEncoder_ValuesWithoutForm(t *testing.T) {
	cloud := func(change func(c *messages.PointCloud)) string {
		c := messages.PointCloud{
			Height: 2, Width: 2, PointStep: 4, RowStep: 8, Data: make([]byte, 16), Fields: []messages.PointField{{Name: "x", Datatype: messages.Float32, Count: 1}},
		}
		if _, err := Protobuf[messages.PointCloud]().Encoder().Append(nil, c); err != nil {
			t.Error(err)
		}
		change(&c)
		return encodeError(t, Protobuf[messages.PointCloud](), c)
	}
	scan := messages.LaserScan{Ranges: []float32{1, float32(math.Inf(1))}}
	if _, err := Protobuf[messages.LaserScan]().Encoder().Append(nil, scan); err != nil {
		t.Error(err)
	}
	for _, c := range [][2]string{
		{encodeError(t, Protobuf[messages.Image](), messages.Image{IsBigEndian: 1, Encoding: "mono16"}), "encode foxglove.RawImage as protobuf: it is big-endian"},
		{encodeError(t, Protobuf[messages.Image](), messages.Image{Width: 2, Height: 2, Step: 6, Data: make([]byte, 11)}), "its data has 11 bytes, fewer than Step times Height, 12"},
		{encodeError(t, JSON[messages.Image](), messages.Image{Width: 2, Height: 2, Data: make([]byte, 12)}), "its Step, the bytes of a row, is 0"},
		{cloud(func(c *messages.PointCloud) { c.IsBigEndian = true }), "it is big-endian"},
		{cloud(func(c *messages.PointCloud) { c.RowStep = 9 }), "RowStep is 9, and 2 points of 4 bytes take 8"},
		{cloud(func(c *messages.PointCloud) { c.Height = 3 }), "Data has 16 bytes, not 3 x 2 points of 4"},
		{cloud(func(c *messages.PointCloud) { c.Fields[0].Count = 3 }), `field "x" has type 7 and count 3`},
		{cloud(func(c *messages.PointCloud) { c.Fields[0].Datatype = 9 }), `field "x" has type 9 and count 1`},
		{encodeError(t, JSON[messages.OccupancyGrid](), messages.OccupancyGrid{Data: []int8{1}}), "encode foxglove.Grid as json: its Data has 1 cells, not 0 x 0"},
		{encodeError(t, JSON[messages.JointState](), messages.JointState{Name: []string{"a", "b"}, Velocity: []float64{1}}), "Velocity has 1 elements for 2 names"},
		{encodeError(t, JSON[messages.LaserScan](), scan), "encode foxglove.LaserScan as json: ranges: element 1: +Inf has no JSON form"},
		{encodeError(t, JSON[messages.Log](), messages.Log{Stamp: messages.Time{Sec: -1}}), "timestamp: -1 s is before 1970"},
		{encodeError(t, Protobuf[messages.Log](), messages.Log{Msg: "\xff"}), "UTF-8"},
	} {
		if !strings.Contains(c[0], c[1]) {
			t.Errorf("%q, want %q", c[0], c[1])
		}
	}
}

// decode decodes a message of another program.
func decode[T messages.Message](t *testing.T, m proto.Message) (v T, text string) {
	t.Helper()
	payload, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	err = Protobuf[T]().Decoder().Decode(payload, &v)
	var bad *serde.DecodeError
	if err == nil {
		return v, ""
	}
	if !errors.As(err, &bad) || bad.Type != string(m.ProtoReflect().Descriptor().FullName()) || bad.Encoding != "protobuf" {
		t.Errorf("%v is no *DecodeError", err)
	}
	return v, err.Error()
}

func TestDecoder_MessagesWithoutStruct(t *testing.T) {
	moved := &pb.Pose{Position: &pb.Vector3{X: 1}, Orientation: &pb.Quaternion{W: 1}}
	grid := func(change func(m *pb.Grid)) string {
		m := &pb.Grid{ColumnCount: 2, RowStride: 2, CellStride: 1, Fields: []*pb.PackedElementField{{Type: pb.PackedElementField_INT8}}, Data: make([]byte, 4)}
		if v, text := decode[messages.OccupancyGrid](t, m); text != "" || v.Info.Height != 2 {
			t.Errorf("%+v, %s", v, text)
		}
		change(m)
		_, text := decode[messages.OccupancyGrid](t, m)
		return text
	}
	errorOf := func(_ any, text string) string { return text }
	for _, c := range [][2]string{
		{errorOf(decode[messages.LaserScan](t, &pb.LaserScan{Pose: moved})), "pose: the struct has none"},
		{errorOf(decode[messages.PointCloud](t, &pb.PointCloud{Pose: moved})), "pose: the struct has none"},
		{errorOf(decode[messages.PointCloud](t, &pb.PointCloud{Data: []byte{1}})), "data has 1 bytes, which are no points of 0"},
		{errorOf(decode[messages.PointCloud](t, &pb.PointCloud{PointStride: 3, Data: make([]byte, 4)})), "data has 4 bytes, which are no points of 3"},
		{errorOf(decode[messages.PointCloud](t, &pb.PointCloud{Fields: []*pb.PackedElementField{{Type: 0}}})), "fields[0]: its type, 0, is not known"},
		{errorOf(decode[messages.PointCloud](t, &pb.PointCloud{Fields: []*pb.PackedElementField{{Type: 9}}})), "fields[0]: its type, 9, is not known"},
		{grid(func(m *pb.Grid) { m.Fields[0].Type = pb.PackedElementField_UINT8 }), "only square cells of one INT8"},
		{grid(func(m *pb.Grid) { m.CellSize = &pb.Vector2{X: 1} }), "only square cells of one INT8"},
		{grid(func(m *pb.Grid) { m.Fields = nil }), "only square cells of one INT8"},
		{grid(func(m *pb.Grid) { m.RowStride = 4 }), "only square cells of one INT8"},
		{grid(func(m *pb.Grid) { m.Data = m.Data[:3] }), "data has 3 cells, which are no rows of 2"},
		{errorOf(decode[messages.CameraInfo](t, &pb.CameraCalibration{K: make([]float64, 8)})), "K: it has 8 elements, not 9"},
		{errorOf(decode[messages.Imu](t, &pb.Imu{AngularVelocityCovariance: make([]float64, 10)})), "angular_velocity_covariance: it has 10 elements, not 9"},
		{errorOf(decode[messages.Log](t, &pb.Log{Level: 6})), "its level, 6, is not known"},
		{errorOf(decode[messages.Log](t, &pb.Log{Level: -1})), "its level, -1, is not known"},
		{errorOf(decode[messages.Log](t, &pb.Log{Timestamp: &timestamppb.Timestamp{Seconds: 1 << 31}})), "the time of 2147483648 s and 0 ns is out of range"},
		{errorOf(decode[messages.Transforms](t, &pb.FrameTransforms{Transforms: []*pb.FrameTransform{{Timestamp: &timestamppb.Timestamp{Nanos: -1}}}})), "transforms[0]: the time"},
		{errorOf(decode[messages.Diagnostics](t, &pb.DiagnosticArray{Status: []*pb.DiagnosticStatus{{Level: 256}}})), "status[0]: its level, 256"},
	} {
		if !strings.Contains(c[0], c[1]) {
			t.Errorf("%q, want %q", c[0], c[1])
		}
	}
}

func TestDecoder_JointsWithMissingValues(t *testing.T) {
	x := 1.5
	v, text := decode[messages.JointState](t, &pb.JointStates{Joints: []*pb.JointState{{Name: "a"}, {Name: "b", Position: &x}, {Name: "c"}}})
	if text != "" || len(v.Position) != 3 || !math.IsNaN(v.Position[0]) || v.Position[1] != x || !math.IsNaN(v.Position[2]) || v.Velocity != nil {
		t.Errorf("%+v, %s", v, text)
	}
}

func TestJSON_Texts(t *testing.T) {
	enc := JSON[messages.PointCloud]().Encoder()
	b, err := enc.Append(nil, messages.PointCloud{
		Header: messages.Header{Stamp: messages.Time{Sec: 5, Nanosec: 6}, FrameID: "lidar"}, Height: 1, Width: 1, PointStep: 2, Data: []byte{1, 255},
		Fields: []messages.PointField{{Name: "x", Datatype: messages.Int16, Count: 1}},
	})
	const want = `{"timestamp":{"sec":5,"nsec":6},"frame_id":"lidar","pose":{"position":{"x":0,"y":0,"z":0},"orientation":{"x":0,"y":0,"z":0,"w":1}},` +
		`"point_stride":2,"fields":[{"name":"x","offset":0,"type":4}],"data":"Af8="}`
	if string(b) != want || err != nil {
		t.Errorf("%s, %v", b, err)
	}
	dec := JSON[messages.PointCloud]().Decoder()
	for text, wrong := range map[string]string{
		want: "", ` {} `: "", `{"other":[{}],"timestamp":null,"fields":null,"frame_id":null}`: "",
		`null`: "null is no object", ``: "unexpected end of JSON input", `{} {}`: "offset 4: invalid character '{' after top-level value", `[]`: "cannot unmarshal array",
		`{"timestamp":5}`: "timestamp: json: cannot unmarshal number", `{"timestamp":{"sec":1,"nsec":1000000000}}`: "is out of range",
		`{"pose":{"position":{"x":"1"}}}`: "pose: position: x: json: cannot unmarshal string", `{"fields":[{},null]}`: "fields: element 1: null",
		`{"data":"?"}`: "data: illegal base64", `{"point_stride":-1}`: "point_stride: json: cannot unmarshal number -1",
		`{"fields":[{"type":"INT8"}]}`: "fields: element 0: type: json: cannot unmarshal string",
	} {
		var v messages.PointCloud
		err := dec.Decode([]byte(text), &v)
		var bad *serde.DecodeError
		if wrong == "" && err != nil || wrong != "" && (!errors.As(err, &bad) || bad.Type != "foxglove.PointCloud" || !strings.Contains(err.Error(), wrong)) {
			t.Errorf("%s: %v, want %q", text, err, wrong)
		}
	}
}

func TestTypes_SchemasStandAlone(t *testing.T) {
	binary, text := Protobuf[messages.Imu](), JSON[messages.Imu]()
	payload, err := binary.Encoder().Append(nil, messages.Imu{AngularVelocity: messages.Vector3{X: 3}})
	if err != nil {
		t.Fatal(err)
	}
	doc, err := protobuf.ToJSON(binary.Type(), payload)
	if err != nil || !strings.Contains(string(doc), `"angularVelocity":{"x":3,`) {
		t.Errorf("%s, %v", doc, err)
	}
	newer := binary.Type()
	newer.Schema = append(newer.Schema, 0x0a, 0x03, 0x0a, 0x01, 'x') // one more file, x
	if err := binary.(serde.TypeChecker).CheckType(newer); err != nil {
		t.Error(err)
	}
	newer.Schema = Protobuf[messages.Log]().Type().Schema
	if err := binary.(serde.TypeChecker).CheckType(newer); err == nil {
		t.Error("a schema without the message is accepted")
	}
	if s := text.Type(); s.Name != binary.Type().Name || s.Encoding != "json" || s.SchemaEncoding != "jsonschema" || !json.Valid(s.Schema) {
		t.Errorf("%+v", s)
	}
}

// A program may have its own generated messages of these names.
func TestMessages_NotRegisteredInTheProcess(t *testing.T) {
	for _, m := range []proto.Message{new(pb.RawImage), new(pb.Imu)} {
		name := m.ProtoReflect().Descriptor().FullName()
		if _, err := protoregistry.GlobalFiles.FindDescriptorByName(name); !errors.Is(err, protoregistry.NotFound) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := protoregistry.GlobalTypes.FindMessageByName(name); !errors.Is(err, protoregistry.NotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	imports := new(pb.Imu).ProtoReflect().Descriptor().ParentFile().Imports()
	for i := range imports.Len() {
		if imports.Get(i).IsPlaceholder() {
			t.Errorf("%s is not found", imports.Get(i).Path())
		}
	}
}
