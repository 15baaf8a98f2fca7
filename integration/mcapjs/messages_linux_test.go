package mcapjs

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/shmbus/shmbus/messages"
	"github.com/shmbus/shmbus/messages/foxglove"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/topic"
)

// A commonMessage is a value of package messages, and what viewers shall see of it.
type commonMessage interface {
	types() []serde.Type
	publish(ctx context.Context, t *testing.T, p *topic.Participant)
	want() (name, ros2, foxglove string) // JSON
}

type common[T messages.Message] struct {
	v              T
	ros2, foxglove string // JSON; ros2 is what the header is followed by
}

func (c common[T]) codecs() []serde.Codec[T] {
	return []serde.Codec[T]{messages.CDR[T](), foxglove.Protobuf[T](), foxglove.JSON[T]()}
}

func (c common[T]) types() (types []serde.Type) {
	for _, codec := range c.codecs() {
		types = append(types, codec.Type())
	}
	return types
}

func (c common[T]) name() string { return strings.TrimPrefix(fmt.Sprintf("%T", c.v), "messages.") }

func (c common[T]) want() (name, ros2, foxglove string) { return c.name(), c.ros2, c.foxglove }

func (c common[T]) publish(ctx context.Context, t *testing.T, p *topic.Participant) {
	for _, codec := range c.codecs() {
		pub, err := topic.NewPublisher(ctx, p, c.name()+"/"+codec.Type().Encoding, &topic.PublisherOptions[T]{Codec: codec})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := pub.Publish(ctx, c.v); err != nil {
			t.Fatal(err)
		}
	}
}

// Parts of the JSON of several messages.
const (
	rosHeader = `"header":{"stamp":{"sec":5,"nanosec":6},"frame_id":"map"}`
	rosPose   = `{"position":{"x":1,"y":-2,"z":0.25},"orientation":{"x":0,"y":0,"z":0.5,"w":-0.5}}`
	fgHeader  = `"timestamp":{"sec":5,"nsec":6},"frame_id":"map"`
	fgNoPose  = `"pose":{"position":{"x":0,"y":0,"z":0},"orientation":{"x":0,"y":0,"z":0,"w":1}}`
)

func commonMessages() []commonMessage {
	h := messages.Header{Stamp: messages.Time{Sec: 5, Nanosec: 6}, FrameID: "map"}
	pose := messages.Pose{Position: messages.Vector3{X: 1, Y: -2, Z: 0.25}, Orientation: messages.Quaternion{Z: 0.5, W: -0.5}}
	transform := messages.TransformStamped{Header: h, ChildFrameID: "base", Transform: messages.Transform{Translation: pose.Position, Rotation: pose.Orientation}}
	const (
		rosTransform = `{` + rosHeader + `,"child_frame_id":"base","transform":{"translation":{"x":1,"y":-2,"z":0.25},"rotation":{"x":0,"y":0,"z":0.5,"w":-0.5}}}`
		fgTransform  = `{"timestamp":{"sec":5,"nsec":6},"parent_frame_id":"map","child_frame_id":"base","translation":{"x":1,"y":-2,"z":0.25},"rotation":{"x":0,"y":0,"z":0.5,"w":-0.5}}`
		imu          = `"orientation":{"x":0,"y":0,"z":0.5,"w":-0.5},"orientation_covariance":[1,2,3,4,5,6,7,8,9],"angular_velocity":{"x":1,"y":2,"z":3},` +
			`"angular_velocity_covariance":[0,0,0,0,0.5,0,0,0,0],"linear_acceleration":{"x":0,"y":0,"z":9.75},"linear_acceleration_covariance":[-1,0,0,0,0,0,0,0,0]}`
		matrices = `[500,0,320,0,500,240,0,0,1],"r":[1,0,0,0,1,0,0,0,1],"p":[500,0,320,0,0,500,240,0,0,0,1,7]`
		status   = `"status":[{"level":2,"name":"motor","message":"hot","hardware_id":"m1","values":[{"key":"celsius","value":"90"}]},` +
			`{"level":0,"name":"lidar","message":"","hardware_id":"","values":[]}]}`
	)
	return []commonMessage{
		common[messages.PoseStamped]{messages.PoseStamped{Header: h, Pose: pose}, `{` + rosHeader + `,"pose":` + rosPose + `}`, `{` + fgHeader + `,"pose":` + rosPose + `}`},
		common[messages.TransformStamped]{transform, rosTransform, fgTransform},
		common[messages.Transforms]{
			messages.Transforms{Transforms: []messages.TransformStamped{transform, transform}},
			`{"transforms":[` + rosTransform + `,` + rosTransform + `]}`, `{"transforms":[` + fgTransform + `,` + fgTransform + `]}`,
		},
		common[messages.Imu]{
			messages.Imu{
				Header: h, Orientation: pose.Orientation, OrientationCovariance: [9]float64{1, 2, 3, 4, 5, 6, 7, 8, 9}, AngularVelocity: messages.Vector3{X: 1, Y: 2, Z: 3},
				AngularVelocityCovariance: [9]float64{4: 0.5}, LinearAcceleration: messages.Vector3{Z: 9.75}, LinearAccelerationCovariance: [9]float64{-1},
			},
			`{` + rosHeader + `,` + imu, `{"header":{"stamp":{"sec":5,"nsec":6},"frame_id":"map"},` + imu,
		},
		common[messages.LaserScan]{
			messages.LaserScan{
				Header: h, AngleMin: -1, AngleMax: 1, AngleIncrement: 1, TimeIncrement: 0.5, ScanTime: 2, RangeMin: 0.25, RangeMax: 30,
				Ranges: []float32{1, 2.5, 3}, Intensities: []float32{4, 5, 6},
			},
			`{` + rosHeader + `,"angle_min":-1,"angle_max":1,"angle_increment":1,"time_increment":0.5,"scan_time":2,"range_min":0.25,"range_max":30,` +
				`"ranges":[1,2.5,3],"intensities":[4,5,6]}`,
			`{` + fgHeader + `,` + fgNoPose + `,"start_angle":-1,"end_angle":1,"ranges":[1,2.5,3],"intensities":[4,5,6]}`,
		},
		common[messages.PointCloud]{
			messages.PointCloud{
				Header: h, Height: 1, Width: 2, PointStep: 3, RowStep: 6, Data: []byte{0, 1, 2, 253, 254, 255}, IsDense: true,
				Fields: []messages.PointField{{Name: "a", Datatype: messages.Uint8, Count: 1}, {Name: "b", Offset: 1, Datatype: messages.Int16, Count: 1}},
			},
			`{` + rosHeader + `,"height":1,"width":2,"fields":[{"name":"a","offset":0,"datatype":2,"count":1},{"name":"b","offset":1,"datatype":3,"count":1}],` +
				`"is_bigendian":false,"point_step":3,"row_step":6,"data":"AAEC/f7/","is_dense":true}`,
			`{` + fgHeader + `,` + fgNoPose + `,"point_stride":3,"fields":[{"name":"a","offset":0,"type":1},{"name":"b","offset":1,"type":4}],"data":"AAEC/f7/"}`,
		},
		common[messages.Image]{
			messages.Image{Header: h, Height: 1, Width: 2, Encoding: "rgb8", Step: 6, Data: []byte{0, 1, 2, 253, 254, 255}},
			`{` + rosHeader + `,"height":1,"width":2,"encoding":"rgb8","is_bigendian":0,"step":6,"data":"AAEC/f7/"}`,
			`{` + fgHeader + `,"width":2,"height":1,"encoding":"rgb8","step":6,"data":"AAEC/f7/"}`,
		},
		common[messages.CompressedImage]{
			messages.CompressedImage{Header: h, Format: "jpeg", Data: []byte{0xff, 0xd8}},
			`{` + rosHeader + `,"format":"jpeg","data":"/9g="}`, `{` + fgHeader + `,"data":"/9g=","format":"jpeg"}`,
		},
		common[messages.CameraInfo]{
			messages.CameraInfo{
				Header: h, Height: 480, Width: 640, DistortionModel: "plumb_bob", D: []float64{0.5, -0.25}, K: [9]float64{500, 0, 320, 0, 500, 240, 0, 0, 1},
				R: [9]float64{1, 0, 0, 0, 1, 0, 0, 0, 1}, P: [12]float64{500, 0, 320, 0, 0, 500, 240, 0, 0, 0, 1, 7}, BinningX: 1, BinningY: 2,
				ROI: messages.RegionOfInterest{XOffset: 1, YOffset: 2, Height: 3, Width: 4, DoRectify: true},
			},
			`{` + rosHeader + `,"height":480,"width":640,"distortion_model":"plumb_bob","d":[0.5,-0.25],"k":` + matrices +
				`,"binning_x":1,"binning_y":2,"roi":{"x_offset":1,"y_offset":2,"height":3,"width":4,"do_rectify":true}}`,
			`{` + fgHeader + `,"width":640,"height":480,"distortion_model":"plumb_bob","D":[0.5,-0.25],"K":` +
				strings.NewReplacer(`"r"`, `"R"`, `"p"`, `"P"`).Replace(matrices) + `}`,
		},
		common[messages.OccupancyGrid]{
			messages.OccupancyGrid{Header: h, Info: messages.GridInfo{MapLoadTime: messages.Time{Sec: 7}, Resolution: 0.5, Width: 3, Height: 1, Origin: pose}, Data: []int8{-1, 0, 100}},
			`{` + rosHeader + `,"info":{"map_load_time":{"sec":7,"nanosec":0},"resolution":0.5,"width":3,"height":1,"origin":` + rosPose + `},"data":[-1,0,100]}`,
			`{` + fgHeader + `,"pose":` + rosPose + `,"column_count":3,"cell_size":{"x":0.5,"y":0.5},"row_stride":3,"cell_stride":1,` +
				`"fields":[{"name":"occupancy","offset":0,"type":2}],"data":"/wBk"}`,
		},
		common[messages.JointState]{
			messages.JointState{Header: h, Name: []string{"hip", "knee"}, Position: []float64{1, 0}, Effort: []float64{0.5, 2}},
			`{` + rosHeader + `,"name":["hip","knee"],"position":[1,0],"velocity":[],"effort":[0.5,2]}`,
			`{"timestamp":{"sec":5,"nsec":6},"joints":[{"name":"hip","position":1,"effort":0.5},{"name":"knee","position":0,"effort":2}]}`,
		},
		common[messages.Diagnostics]{
			messages.Diagnostics{Header: h, Status: []messages.DiagnosticStatus{
				{Level: messages.StatusError, Name: "motor", Message: "hot", HardwareID: "m1", Values: []messages.KeyValue{{Key: "celsius", Value: "90"}}}, {Name: "lidar"},
			}},
			`{` + rosHeader + `,` + status, `{"header":{"stamp":{"sec":5,"nsec":6},"frame_id":"map"},` + status,
		},
		common[messages.Log]{
			messages.Log{Stamp: h.Stamp, Level: messages.LogWarn, Name: "planner", Msg: `no "way" ä`, File: "plan.go", Function: "Plan", Line: 17},
			`{"stamp":{"sec":5,"nanosec":6},"level":30,"name":"planner","msg":"no \"way\" ä","file":"plan.go","function":"Plan","line":17}`,
			`{"timestamp":{"sec":5,"nsec":6},"level":3,"message":"no \"way\" ä","name":"planner","file":"plan.go","line":17}`,
		},
	}
}

func runMessages(t *testing.T, in io.Reader, args ...string) string {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		missing(t, "install Node.js (20 or newer) and run `npm ci` in integration/mcapjs to run this test")
	}
	if _, err := os.Stat("node_modules/@foxglove/schemas"); err != nil {
		missing(t, "run `npm ci` in integration/mcapjs to run this test")
	}
	var out, stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), node, append([]string{"messages.mjs"}, args...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, &out, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	return out.String()
}

func TestCommonMessages_SchemasAreThoseOfFoxglove(t *testing.T) {
	var in bytes.Buffer
	n := 0
	for _, m := range commonMessages() {
		for _, typ := range m.types() {
			n++
			if err := json.NewEncoder(&in).Encode(map[string]any{"encoding": typ.Encoding, "name": typ.Name, "schema": typ.Schema}); err != nil {
				t.Fatal(err)
			}
		}
	}
	var answer struct {
		Compared    int
		Differences []string
	}
	if err := json.Unmarshal([]byte(runMessages(t, &in, "schemas")), &answer); err != nil {
		t.Fatal(err)
	}
	if answer.Compared != n || n != 39 {
		t.Errorf("%d of %d schemas were compared", answer.Compared, n)
	}
	for _, d := range answer.Differences {
		t.Error(d)
	}
}

func TestCommonMessages_RecordingReadByFoxglove(t *testing.T) {
	path := recorded(t, func(ctx context.Context, p *topic.Participant) {
		for _, m := range commonMessages() {
			m.publish(ctx, t, p)
		}
	})
	got := map[string]any{}
	names := map[string]string{}
	for line := range strings.Lines(runMessages(t, nil, "recording", path)) {
		var answer struct {
			Topic, Name string
			Message     any
		}
		if err := json.Unmarshal([]byte(line), &answer); err != nil {
			t.Fatal(err)
		}
		got[answer.Topic], names[answer.Topic] = answer.Message, answer.Name
	}
	for _, m := range commonMessages() {
		name, ros2, foxglove := m.want()
		for i, typ := range m.types() {
			top := name + "/" + typ.Encoding
			if names[top] != typ.Name {
				t.Errorf("%s has the type %q", top, names[top])
			}
			var want any
			text := ros2
			if i > 0 {
				text = foxglove
			}
			if err := json.Unmarshal([]byte(text), &want); err != nil {
				t.Fatalf("%s: %v in %s", top, err, text)
			}
			if diff := cmp.Diff(want, got[top]); diff != "" {
				t.Errorf("%s: %s", top, diff)
			}
		}
	}
	if len(got) != 39 {
		t.Errorf("%d messages were read", len(got))
	}
}
