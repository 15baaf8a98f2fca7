package command

import (
	"bytes"
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/serde/protobuf"
)

// listProtobuf lists the files of a FileDescriptorSet: of each message the fields as number, name and kind, of each enum the values.
// Declarations in a message are indented below it.
func listProtobuf(kind serde.Type) (string, error) {
	kind.Schema = bytes.Clone(kind.Schema)
	if _, err := protobuf.ParseSchema(kind); err != nil { // it has limits
		return "", err
	}
	var set descriptorpb.FileDescriptorSet
	if err := (proto.UnmarshalOptions{RecursionLimit: serde.MaxDepth}).Unmarshal(kind.Schema, &set); err != nil {
		return "", err
	}
	var l protobufList
	for i, f := range set.File {
		if i > 0 {
			l.out.WriteByte('\n')
		}
		l.line(0, "file %s", f.GetName())
		if f.Package != nil {
			l.line(0, "package %s", f.GetPackage())
		}
		l.declarations(0, f.MessageType, f.EnumType)
	}
	return l.out.String(), nil
}

// A protobufList is a list on its way from descriptors to text.
type protobufList struct{ out strings.Builder }

func (l *protobufList) line(depth int, format string, args ...any) {
	for range depth {
		l.out.WriteString("  ")
	}
	l.out.WriteString(text.Escape(fmt.Sprintf(format, args...)))
	l.out.WriteByte('\n')
}

func (l *protobufList) declarations(depth int, messages []*descriptorpb.DescriptorProto, enums []*descriptorpb.EnumDescriptorProto) {
	for _, m := range messages {
		l.line(depth, "message %s", m.GetName())
		for _, f := range m.Field {
			l.line(depth+1, "%d %s %s", f.GetNumber(), f.GetName(), kindOf(f, m.OneofDecl))
		}
		l.declarations(depth+1, m.NestedType, m.EnumType)
	}
	for _, e := range enums {
		l.line(depth, "enum %s", e.GetName())
		for _, v := range e.Value {
			l.line(depth+1, "%d %s", v.GetNumber(), v.GetName())
		}
	}
}

// kindOf is the kind of a field as a .proto file has it. Maps are repeated messages of key and value.
func kindOf(f *descriptorpb.FieldDescriptorProto, oneofs []*descriptorpb.OneofDescriptorProto) string {
	kind := strings.TrimPrefix(f.GetTypeName(), ".")
	if kind == "" {
		kind = strings.ToLower(strings.TrimPrefix(f.GetType().String(), "TYPE_"))
	}
	i := int(f.GetOneofIndex())
	switch {
	case f.GetLabel() == descriptorpb.FieldDescriptorProto_LABEL_REPEATED:
		return "repeated " + kind
	case f.GetLabel() == descriptorpb.FieldDescriptorProto_LABEL_REQUIRED:
		return "required " + kind
	case f.GetProto3Optional():
		return "optional " + kind
	case f.OneofIndex != nil && 0 <= i && i < len(oneofs):
		return kind + ", oneof " + oneofs[i].GetName()
	}
	return kind
}
