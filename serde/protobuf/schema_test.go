package protobuf

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/shmbus/shmbus/internal/testpb"
	"github.com/shmbus/shmbus/serde"
)

// declare returns the type p.M of a file with this content, a FileDescriptorProto as text.
func declare(t testing.TB, content string) serde.Type {
	t.Helper()
	var set descriptorpb.FileDescriptorSet
	if err := prototext.Unmarshal([]byte(`file {name:"p.proto" package:"p" `+content+`}`), &set); err != nil {
		t.Fatal(err)
	}
	schema, err := proto.Marshal(&set)
	if err != nil {
		t.Fatal(err)
	}
	return serde.Type{Name: "p.M", Encoding: Encoding, SchemaEncoding: Encoding, Schema: schema}
}

func TestParseSchema_Undecodable(t *testing.T) {
	for name, typ := range map[string]serde.Type{
		"no schema":      {Name: "p.M", Encoding: Encoding},
		"other schema":   {Name: "p.M", Encoding: Encoding, SchemaEncoding: "proto", Schema: []byte("message M {}")},
		"other encoding": {Name: "p.M", Encoding: "cdr", SchemaEncoding: Encoding, Schema: []byte{0}},
	} {
		if s, err := ParseSchema(typ); !errors.Is(err, serde.ErrUndecodable) || s != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestParseSchema_HostileSchemas(t *testing.T) {
	deep := []byte("\x0a\x01M")
	for range serde.MaxDepth {
		deep = protowire.AppendBytes([]byte{0x1a}, deep)
	}
	deep = protowire.AppendBytes([]byte{0x0a}, protowire.AppendBytes([]byte{0x22}, deep))
	for name, c := range map[string]struct {
		schema []byte
		want   string
	}{
		"not a set":         {[]byte("message M {}"), "at byte "},
		"too large":         {make([]byte, maxSchema+1), "more than 16777216"},
		"too many elements": {bytes.Repeat([]byte{0x0a, 0x00}, maxElements+1), "too many messages"},
		"too many files":    {bytes.Repeat([]byte{0x0a, 0x00}, maxFiles+1), "more than 4096"},
		"too deep":          {deep, "too deep"},
		"no name":           {[]byte{0x0a, 0x00}, "file path must be populated"},
		"twice":             {bytes.Repeat(declare(t, `message_type {name:"M"}`).Schema, 2), "it has the file \"p.proto\" twice"},
		"other message":     {declare(t, `message_type {name:"N"}`).Schema, "does not declare this message"},
		"an enum":           {declare(t, `enum_type {name:"M" value {name:"A" number:0}}`).Schema, "does not declare this as a message"},
		"imports itself":    {declare(t, `dependency:"p.proto" message_type {name:"M"}`).Schema, "p.proto"},
		"field twice": {declare(t, `message_type {name:"M" field {name:"a" number:1 label:LABEL_OPTIONAL type:TYPE_BOOL}
			field {name:"b" number:1 label:LABEL_OPTIONAL type:TYPE_BOOL}}`).Schema, ""},
	} {
		before := allocated()
		_, err := ParseSchema(serde.Type{Name: "p.M", Encoding: Encoding, SchemaEncoding: Encoding, Schema: c.schema})
		if err == nil || !strings.HasPrefix(err.Error(), "parse the protobuf schema of p.M: ") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if used := allocated() - before; used > 8<<20 {
			t.Errorf("%s: %d bytes allocated for a schema of %d", name, used, len(c.schema))
		}
	}
}

// The library visits a file once for each way of public imports to it, of which there are 2^100 here.
func TestParseSchema_PublicImports(t *testing.T) {
	var set descriptorpb.FileDescriptorSet
	for i := range 200 {
		f := &descriptorpb.FileDescriptorProto{Name: proto.String(fmt.Sprint("f", i))}
		for j := (i&^1 - 2); i > 1 && j < i&^1; j++ {
			f.PublicDependency = append(f.PublicDependency, int32(len(f.Dependency)))
			f.Dependency = append(f.Dependency, fmt.Sprint("f", j))
		}
		set.File = append(set.File, f)
	}
	schema, err := proto.Marshal(&set)
	if err != nil {
		t.Fatal(err)
	}
	_, err = ParseSchema(serde.Type{Name: "p.M", Encoding: Encoding, SchemaEncoding: Encoding, Schema: schema})
	if err == nil || !strings.Contains(err.Error(), "public imports") {
		t.Error(err)
	}
}

func TestParseSchema_MissingImport(t *testing.T) {
	typ := declare(t, `syntax:"proto3" dependency:"q.proto" message_type {name:"M"
		field {name:"q" number:1 label:LABEL_OPTIONAL type:TYPE_MESSAGE type_name:".q.Q"}
		field {name:"e" number:2 label:LABEL_OPTIONAL type:TYPE_ENUM type_name:".q.E"}
		field {name:"x" number:3 label:LABEL_OPTIONAL type:TYPE_INT32}}`)
	js, err := ToJSON(typ, []byte{0x0a, 0x02, 0x08, 0x01, 0x10, 0x05, 0x18, 0x07})
	if err != nil || !strings.Contains(string(js), `"x":7`) {
		t.Errorf("%s, %v", js, err)
	}
}

func TestToJSON_AllKinds(t *testing.T) {
	s, err := ParseSchema(Codec[*testpb.Node]().Type())
	if err != nil {
		t.Fatal(err)
	}
	payload, err := proto.Marshal(newNode(t))
	if err != nil {
		t.Fatal(err)
	}
	js, err := s.ToJSON(payload)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{
		`"number":"-9223372036854775808"`, `"flag":true`, `"named":{"":{`, `"\"a\"":{`, `"texts":{"-1":"ä\n"}`, `"offset":0`,
		`"id":"18446744073709551615"`, `"formats":["RGB8",77]`,
		`"any":{"@type":"type.googleapis.com/testpb.Pose","stamp":"2023-11-14T22:13:20.123456789Z","frameId":"map","position":{"x":1.5,"y":-2,"z":0.25}`,
	} {
		if !strings.Contains(string(js), part) {
			t.Errorf("%s is not in %s", part, js)
		}
	}
	back, err := s.FromJSON(js)
	if err != nil {
		t.Fatal(err)
	}
	got := new(testpb.Node)
	if err := proto.Unmarshal(back, got); err != nil || !proto.Equal(got, newNode(t)) {
		t.Errorf("%v (%v)", got, err)
	}
}

func TestToJSON_Messages(t *testing.T) {
	for _, m := range []proto.Message{testpb.NewPose(), testpb.NewImage(8, 8), testpb.NewPointCloud(10), &testpb.Pose{}} {
		typ, err := TypeOf(m.ProtoReflect().Descriptor())
		if err != nil {
			t.Fatal(err)
		}
		payload, err := proto.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		js, err := ToJSON(typ, payload)
		if err != nil {
			t.Fatal(err)
		}
		back, err := FromJSON(typ, js)
		if err != nil || !bytes.Equal(back, payload) {
			t.Errorf("%s becomes %x, want %x (%v)", js, back, payload, err)
		}
	}
}

func TestToJSON_AnyOfAnotherSchema(t *testing.T) {
	s, err := ParseSchema(Codec[*testpb.Node]().Type())
	if err != nil {
		t.Fatal(err)
	}
	for name, any := range map[string]string{
		"unknown type": "\x0a\x03a/b", "damaged value": "\x0a\x0da/testpb.Image\x12\x01\x80",
		"too deep": "\x0a\x0da/testpb.Node1",
	} {
		payload := protowire.AppendBytes([]byte{0x42}, []byte(any))
		var bad *serde.DecodeError
		if js, err := s.ToJSON(payload); !errors.As(err, &bad) {
			t.Errorf("%s: %s (%v)", name, js, err)
		}
	}
	// Nodes in Anys in nodes: deeper than the limit, though no single part of it is.
	var payload []byte
	for range serde.MaxDepth {
		inner := protowire.AppendString([]byte{0x0a}, "a/testpb.Node")
		inner = protowire.AppendBytes(append(inner, 0x12), payload)
		payload = protowire.AppendBytes([]byte{0x42}, inner)
	}
	if _, err := s.ToJSON(payload); !errors.Is(err, errDepth) {
		t.Error(err)
	}
}

func TestFromJSON_Invalid(t *testing.T) {
	s, err := ParseSchema(Codec[*testpb.Pose]().Type())
	if err != nil {
		t.Fatal(err)
	}
	for doc, want := range map[string]string{
		`{"frame":"x"}`: "frame", `{"frameId":1}`: "frameId", `[]`: "[", ``: "", `{} {}`: "{", `{"position":{"x":"one"}}`: "one",
	} {
		b, err := s.FromJSON([]byte(doc))
		if err == nil || !strings.HasPrefix(err.Error(), "make a payload of testpb.Pose from JSON: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %x, %v", doc, b, err)
		}
	}
	if b, err := s.FromJSON([]byte(`{"frame_id":"x","frame_id":"y"}`)); err == nil {
		t.Errorf("a duplicate name is %x", b)
	}
	deep := strings.Repeat(`{"children":[`, 2*serde.MaxDepth) + strings.Repeat(`]}`, 2*serde.MaxDepth)
	if _, err := FromJSON(Codec[*testpb.Node]().Type(), []byte(deep)); err == nil {
		t.Error("a document that is too deep is a payload")
	}
}

func TestCompatible(t *testing.T) {
	const message = `syntax:"proto2" message_type {name:"M" %s} message_type {name:"N" %s} enum_type {name:"E" value {name:"A" number:0}}`
	field := func(label, kind, name string, number int) string {
		return fmt.Sprintf("field {name:%q number:%d label:LABEL_%s %s}", name, number, label, kind)
	}
	const inner, enum = `type:TYPE_MESSAGE type_name:".p.N"`, `type:TYPE_ENUM type_name:".p.E"`
	base := []string{field("OPTIONAL", "type:TYPE_DOUBLE", "x", 1) + field("REPEATED", inner, "n", 2) + field("OPTIONAL", enum, "e", 3), field("OPTIONAL", "type:TYPE_STRING", "s", 1)}
	a := declare(t, fmt.Sprintf(message, base[0], base[1]))
	for name, c := range map[string]struct{ outer, inner, want string }{
		"equal":            {base[0], base[1], ""},
		"a new field":      {base[0] + field("REPEATED", "type:TYPE_BYTES", "b", 4), base[1] + field("OPTIONAL", inner, "n", 2), ""},
		"a field less":     {field("OPTIONAL", "type:TYPE_DOUBLE", "x", 1), base[1], ""},
		"another name":     {field("OPTIONAL", "type:TYPE_DOUBLE", "east", 1), base[1], ""},
		"another kind":     {field("OPTIONAL", "type:TYPE_FLOAT", "x", 1), base[1], `field 1 of p.M is "x", optional double, in one schema and "x", optional float, in the other`},
		"another count":    {field("REPEATED", "type:TYPE_DOUBLE", "x", 1), base[1], `field 1 of p.M is "x", optional double, in one schema and "x", repeated double, in the other`},
		"now required":     {field("REQUIRED", "type:TYPE_DOUBLE", "x", 1), base[1], "required double"},
		"another one":      {base[0], field("OPTIONAL", "type:TYPE_BYTES", "s", 1), `field 1 of p.N is "s", optional string`},
		"new and required": {base[0] + field("REQUIRED", "type:TYPE_BOOL", "r", 9), base[1], `field 9 of p.M, "r", is required, and the other schema lacks it`},
	} {
		b := declare(t, fmt.Sprintf(message, c.outer, c.inner))
		err := Compatible(a, b)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if back := Compatible(b, a); (back == nil) != (err == nil) {
			t.Errorf("%s, the other way round: %v", name, back)
		}
	}
	node := Codec[*testpb.Node]().Type() // contains itself
	if err := Compatible(node, node); err != nil {
		t.Error(err)
	}
	if err := Compatible(node, a); err == nil {
		t.Error("messages of other names are compatible")
	}
	if err := Compatible(a, serde.Type{Name: "p.M", Encoding: Encoding}); !errors.Is(err, serde.ErrUndecodable) {
		t.Error(err)
	}
}
