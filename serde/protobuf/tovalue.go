package protobuf

import (
	"bytes"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/serde/internal/generic"
)

// ToValue converts a payload to a generic value by the schema in t, for programs that do not know the generated type. It parses the
// schema each time; ParseSchema and Schema.ToValue do that once.
func ToValue(t serde.Type, payload []byte) (any, error) {
	s, err := ParseSchema(t)
	if err != nil {
		return nil, err
	}
	return s.ToValue(payload)
}

// ToValue converts a payload to a generic value: messages and maps to map[string]any, lists to []any, bytes to []byte, whole numbers
// to int64, or uint64 if they are larger, other numbers to float64, and enums to the name of their value, or a number without one.
// Names, map keys and which fields are there are as for ToJSON, and so are well-known types that JSON shows as text, such as Timestamp;
// wrapper types are the value in them.
//
// The payload is not trusted: messages may nest serde.MaxDepth deep, and the result takes at most 512 times the memory of the payload
// plus 1 MiB, beside what the JSON of well-known types takes. The error is a *serde.DecodeError.
func (s *Schema) ToValue(payload []byte) (any, error) {
	src := bytes.Clone(payload) // the payload may change concurrently
	var v any
	err := run(s, &v, src, func() error {
		m := dynamicpb.NewMessage(s.md)
		if err := s.decoding().Unmarshal(src, m); err != nil {
			return err
		}
		e := estimate{decoding: s.decoding(), limit: maxJSON(len(src))}
		if err := e.message(m, serde.MaxDepth); err != nil {
			return err
		}
		b := valueBuilder{s, generic.NewBuilder(len(src))}
		var err error
		v, err = b.message(m)
		return err
	})
	return v, err
}

// A valueBuilder makes the values of a payload.
type valueBuilder struct {
	s     *Schema
	build *generic.Builder
}

func (b *valueBuilder) message(m protoreflect.Message) (any, error) {
	md := m.Descriptor()
	if v, known, err := b.wellKnown(m); known {
		return v, err
	}
	object, err := b.build.Object(md.Fields().Len())
	for i := 0; err == nil && i < md.Fields().Len(); i++ {
		fd := md.Fields().Get(i)
		if m.Has(fd) || !fd.HasPresence() {
			object[fd.JSONName()], err = b.field(fd, m.Get(fd))
		}
	}
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if err == nil && fd.IsExtension() {
			object["["+string(fd.FullName())+"]"], err = b.field(fd, v)
		}
		return err == nil
	})
	return object, err
}

// wellKnown makes the value of a message whose JSON is no object with its fields.
func (b *valueBuilder) wellKnown(m protoreflect.Message) (v any, known bool, err error) {
	name, isWellKnown := strings.CutPrefix(string(m.Descriptor().FullName()), "google.protobuf.")
	if !isWellKnown {
		return nil, false, nil
	}
	switch name {
	case "DoubleValue", "FloatValue", "Int64Value", "UInt64Value", "Int32Value", "UInt32Value", "BoolValue", "StringValue", "BytesValue":
		fd := m.Descriptor().Fields().ByNumber(1)
		if fd == nil {
			return nil, false, nil
		}
		v, err = b.field(fd, m.Get(fd))
		return v, true, err
	case "Timestamp", "Duration", "FieldMask", "Struct", "Value", "ListValue", "Any":
		js, err := protojson.MarshalOptions{AllowPartial: true, EmitDefaultValues: true, Resolver: b.s.types}.Marshal(m.Interface())
		if err != nil {
			return nil, true, err
		}
		v, err = serde.ToValue(serde.Type{Encoding: serde.EncodingJSON}, js)
		return v, true, err
	}
	return nil, false, nil
}

func (b *valueBuilder) field(fd protoreflect.FieldDescriptor, v protoreflect.Value) (any, error) {
	switch {
	case fd.IsList():
		list, err := b.build.Array(v.List().Len())
		for i := 0; err == nil && i < v.List().Len(); i++ {
			var item any
			item, err = b.value(fd, v.List().Get(i))
			list = append(list, item)
		}
		return list, err
	case fd.IsMap():
		object, err := b.build.Object(v.Map().Len())
		if err != nil {
			return nil, err
		}
		v.Map().Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
			object[k.String()], err = b.value(fd.MapValue(), v)
			return err == nil
		})
		return object, err
	}
	return b.value(fd, v)
}

func (b *valueBuilder) value(fd protoreflect.FieldDescriptor, v protoreflect.Value) (any, error) {
	switch fd.Kind() {
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return b.message(v.Message())
	case protoreflect.StringKind:
		return b.build.Text([]byte(v.String()))
	case protoreflect.BytesKind:
		return b.build.Bytes(v.Bytes())
	case protoreflect.BoolKind:
		return v.Bool(), nil
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		return v.Float(), nil
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind, protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return generic.Unsigned(v.Uint()), nil
	case protoreflect.EnumKind:
		if value := fd.Enum().Values().ByNumber(v.Enum()); value != nil {
			return string(value.Name()), nil
		}
		return int64(v.Enum()), nil
	}
	return v.Int(), nil
}
