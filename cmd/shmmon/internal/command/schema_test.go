package command

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode"

	"github.com/shmbus/shmbus/cmd/internal/cli"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/watch"
	"github.com/shmbus/shmbus/internal/testpb"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/serde/protobuf"
)

// topicOf is a topic with a publisher of each type and a subscription of any type.
func topicOf(types ...serde.Type) watch.Topic {
	t := watch.Topic{Name: "x", Subscribers: []watch.Subscriber{{Endpoint: registry.Endpoint{AnyType: true}}}}
	for _, typ := range types {
		e := registry.Endpoint{TypeName: typ.Name, Encoding: typ.Encoding, SchemaEncoding: typ.SchemaEncoding, Schema: typ.Schema}
		t.Publishers = append(t.Publishers, watch.Publisher{Endpoint: e})
	}
	return t
}

func TestInfo_Schema(t *testing.T) {
	image := protobuf.Codec[*testpb.Image]().Type()
	damaged := image
	damaged.Schema = image.Schema[:len(image.Schema)-1]
	text := serde.Type{Name: "a/msg/B", Encoding: "cdr", SchemaEncoding: "ros2msg", Schema: []byte("uint8 A=1\t# \x1b[2J\u202e\r\nstring a\n")}
	hidden := serde.Type{Name: "a.B", Encoding: "json", SchemaEncoding: "jsonschema", Schema: []byte("{\"a\":\"\u009b\"}")}
	binary := serde.Type{Name: "a.B", Encoding: "flatbuffer", SchemaEncoding: "flatbuffer", Schema: []byte{0, 0x1b, 0xff}}
	for name, c := range map[string]struct {
		topic                watch.Topic
		stdout, stderr, json string
		base64               []byte
	}{
		"text":     {topicOf(text), "uint8 A=1\t# \\x1b[2J\\u202e\nstring a\n", "", string(text.Schema), nil},
		"JSON":     {topicOf(hidden), "{\"a\":\"\\u009b\"}\n", "", string(hidden.Schema), nil},
		"binary":   {topicOf(binary), "ABv/\n", `of encoding "flatbuffer", is binary and printed in base64`, "", binary.Schema},
		"protobuf": {topicOf(image), "  5 format testpb.Image.Format\n  6 data bytes\n  enum Format\n    0 UNKNOWN\n    1 MONO8\n", "", "", image.Schema},
		"kinds":    {topicOf(image), "  3 points repeated float\n  4 channels repeated testpb.", "", "", image.Schema},
		"options":  {topicOf(protobuf.Codec[*testpb.Node]().Type()), "  5 flag bool, oneof choice\n  6 offset optional sint32\n", "", "", protobuf.Codec[*testpb.Node]().Type().Schema},
		"damaged":  {topicOf(damaged), "\n", "parse the protobuf schema of testpb.Image: ", "", damaged.Schema},
		"others":   {topicOf(serde.Type{Encoding: "cdr"}, text, text, hidden), "string a\n", "other schemas are announced by 1 endpoint", string(text.Schema), nil},
	} {
		var stdout, stderr strings.Builder
		a := app{App: &cli.App{Stdout: &stdout, Stderr: &stderr}}
		if err := a.printSchema(c.topic); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(stdout.String(), c.stdout) || !strings.Contains(stderr.String(), c.stderr) || c.stderr == "" && stderr.Len() > 0 {
			t.Errorf("%s: %s, %s", name, &stdout, &stderr)
		}
		a.JSON = true
		text := stdout.String()
		stdout.Reset()
		if err := a.printSchema(c.topic); err != nil {
			t.Fatal(err)
		}
		for _, r := range text + stdout.String() {
			if !unicode.IsPrint(r) && r != '\n' && r != '\t' {
				t.Errorf("%s: %q is printed", name, r)
			}
		}
		var r schemaReport
		if err := json.Unmarshal([]byte(stdout.String()), &r); err != nil || r.Schema != c.json || !bytes.Equal(r.Base64, c.base64) || r.Topic != "x" || r.SchemaEncoding == "" {
			t.Errorf("%s: %v, %s", name, err, &stdout)
		}
	}
	a := app{App: &cli.App{}}
	if err := a.printSchema(topicOf(serde.Type{Encoding: "json"})); err == nil || !strings.Contains(err.Error(), `no publisher or subscription of "x" announces a schema`) {
		t.Error(err)
	}
}
