package cdr

import (
	"errors"
	"strings"
	"testing"

	"github.com/shmbus/shmbus/serde"
)

func TestCheckType_SchemasWithTheSameFields(t *testing.T) {
	check := mustCodec[poseStamped](t, "geometry_msgs/msg/PoseStamped", poseSchema).(serde.TypeChecker).CheckType
	for name, c := range map[string]struct{ old, new, want string }{
		"equal":             {"", "", ""},
		"comments":          {"Pose pose", "# the pose\nPose pose # in the frame of the header", ""},
		"constants":         {"Pose pose", "uint8 ONE=1\nPose pose", ""},
		"default values":    {"float64 w 1", "float64 w", ""},
		"name of a type":    {"Point", "Place", ""},
		"another kind":      {"float64 y", "float32 y", "float32 pose.position.y is published where float64 pose.position.y is expected"},
		"another name":      {"float64 z 0", "float64 q 0", "pose.orientation.q is published where float64 pose.orientation.z"},
		"an array":          {"Pose pose", "Pose[] pose", "Pose[] pose is published where Pose pose is expected"},
		"an array of 3":     {"string frame_id", "string[3] frame_id", "string[3] header.frame_id is published"},
		"a bound":           {"string frame_id", "string<=5 frame_id", "header.frame_id"},
		"one field more":    {"Pose pose", "Pose pose\nuint8 last", "last is in the published schema only"},
		"one field less":    {"float64 w 1\n", "", "pose.orientation.w is missing in the published schema"},
		"no schema of ours": {poseSchema, "Pose pose", "type Pose is not defined"},
	} {
		schema := strings.ReplaceAll(poseSchema, c.old, c.new)
		if c.old == "" {
			schema = poseSchema
		} else if schema == poseSchema {
			t.Fatalf("%s: nothing is replaced", name)
		}
		err := check(serde.Type{Name: "geometry_msgs/msg/PoseStamped", Encoding: Encoding, SchemaEncoding: SchemaEncoding, Schema: []byte(schema)})
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	if err := check(serde.Type{Name: "geometry_msgs/msg/PoseStamped", Schema: []byte("?")}); !errors.As(err, new(*DefinitionError)) {
		t.Error(err)
	}
}
