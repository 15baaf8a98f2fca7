package capnproto

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/shmbus/shmbus/internal/testcapnp"
	"github.com/shmbus/shmbus/serde"
)

// A tool is the program capnp of the C++ implementation, with the schema of package testcapnp.
type tool struct{ program, schema string }

func newTool(t *testing.T) tool {
	t.Helper()
	program, err := exec.LookPath("capnp")
	if err != nil {
		const how = "the program capnp is missing: apt-get install capnproto"
		if os.Getenv("CI") != "" {
			t.Fatal(how)
		}
		t.Skip(how)
	}
	text, err := os.ReadFile("../../internal/testcapnp/testcapnp.capnp")
	if err != nil {
		t.Fatal(err)
	}
	text = regexp.MustCompile(`(?m)^(using Go|\$Go).*$`).ReplaceAll(text, nil) // which needs a file of the Go library
	schema := filepath.Join(t.TempDir(), "testcapnp.capnp")
	if err := os.WriteFile(schema, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return tool{program, schema}
}

// convert has the program convert a message, such as from "binary:json".
func (c tool) convert(t *testing.T, formats, name string, in []byte) []byte {
	t.Helper()
	cmd := exec.Command(c.program, "convert", formats, c.schema, name)
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("capnp convert %s of %q: %v\n%s", formats, in, err, &stderr)
	}
	return out
}

// The C++ implementation reads what FromJSON and the encoder make, and ToJSON reads what it makes.
func TestTool_SameMessages(t *testing.T) {
	c := newTool(t)
	node := nodeCodec(t).Type()
	whole, err := FromJSON(node, []byte(wholeNode()))
	if err != nil {
		t.Fatal(err)
	}
	poses, images := poseCodec(t), imageCodec(t)
	clouds := newCodec(t, testcapnp.PointCloud_TypeID, testcapnp.NewRootPointCloud)
	for name, m := range map[string]struct {
		typ     serde.Type
		payload []byte
	}{
		"Node":       {node, whole},
		"Pose":       {poses.Type(), encode(t, poses, testcapnp.BuildPose())},
		"Image":      {images.Type(), encode(t, images, testcapnp.BuildImage(8, 6))},
		"PointCloud": {clouds.Type(), encode(t, clouds, testcapnp.BuildPointCloud(10))},
	} {
		want, err := ToJSON(m.typ, m.payload)
		if err != nil {
			t.Fatal(err)
		}
		js := c.convert(t, "binary:json", name, m.payload)
		ours, err := FromJSON(m.typ, js)
		if err != nil {
			t.Fatalf("%s: %v", js, err)
		}
		theirs := c.convert(t, "json:binary", name, js)
		for maker, payload := range map[string][]byte{"FromJSON": ours, "capnp": theirs} {
			if got, err := ToJSON(m.typ, payload); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s: %s made\n%s\nof\n%s\nwhich is %s (%v)", name, maker, got, js, want, err)
			}
		}
	}
}
