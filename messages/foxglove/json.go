package foxglove

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/shmbus/shmbus/serde"
)

func (f *form[T, E, M]) json() serde.Codec[T] {
	md := M(new(E)).ProtoReflect().Descriptor()
	t := serde.Type{Name: string(md.FullName()), Encoding: serde.EncodingJSON, SchemaEncoding: "jsonschema", Schema: []byte(jsonSchema(md))}
	return &codec[T, E, M]{
		form: f, t: t,
		encoder: func() serde.Encoder[M] { return jsonEncoder[M]{t} },
		decoder: func() serde.Decoder[M] { return &jsonDecoder[E, M]{t: t} },
	}
}

type jsonEncoder[M protoreflect.ProtoMessage] struct{ t serde.Type }

func (e jsonEncoder[M]) Append(dst []byte, m M) ([]byte, error) {
	out, err := appendMessage(dst, m.ProtoReflect())
	if err != nil {
		return dst, fmt.Errorf("encode %s as %s: %w", e.t.Name, e.t.Encoding, err)
	}
	return out, nil
}

// appendMessage appends m with all fields, except for optional ones that are not set.
func appendMessage(dst []byte, m protoreflect.Message) ([]byte, error) {
	if stamp, ok := m.Interface().(*timestamppb.Timestamp); ok {
		if stamp.Seconds < 0 {
			return dst, fmt.Errorf("%d s is before 1970, which has no JSON form", stamp.Seconds)
		}
		dst = strconv.AppendInt(append(dst, `{"sec":`...), stamp.Seconds, 10)
		dst = strconv.AppendInt(append(dst, `,"nsec":`...), int64(stamp.Nanos), 10)
		return append(dst, '}'), nil
	}
	separator := byte('{')
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		fd := fields.Get(i)
		if fd.HasOptionalKeyword() && !m.Has(fd) {
			continue
		}
		dst = append(append(dst, separator, '"'), fd.Name()...)
		dst = append(dst, '"', ':')
		separator = ','
		var err error
		if dst, err = appendField(dst, fd, m.Get(fd)); err != nil {
			return dst, fmt.Errorf("%s: %w", fd.Name(), err)
		}
	}
	return append(dst, '}'), nil
}

func appendField(dst []byte, fd protoreflect.FieldDescriptor, v protoreflect.Value) ([]byte, error) {
	if !fd.IsList() {
		return appendValue(dst, fd, v)
	}
	dst = append(dst, '[')
	list := v.List()
	for i := range list.Len() {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = appendValue(dst, fd, list.Get(i)); err != nil {
			return dst, fmt.Errorf("element %d: %w", i, err)
		}
	}
	return append(dst, ']'), nil
}

func appendValue(dst []byte, fd protoreflect.FieldDescriptor, v protoreflect.Value) ([]byte, error) {
	switch fd.Kind() {
	case protoreflect.MessageKind:
		return appendMessage(dst, v.Message())
	case protoreflect.BytesKind:
		b := v.Bytes()
		dst = slices.Grow(dst, base64.StdEncoding.EncodedLen(len(b))+2)
		return append(base64.StdEncoding.AppendEncode(append(dst, '"'), b), '"'), nil
	case protoreflect.StringKind:
		return appendText(dst, v.String())
	case protoreflect.DoubleKind:
		x := v.Float()
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return dst, fmt.Errorf("%v has no JSON form", x)
		}
		return strconv.AppendFloat(dst, x, 'g', -1, 64), nil
	case protoreflect.EnumKind:
		return strconv.AppendInt(dst, int64(v.Enum()), 10), nil
	default: // uint32, fixed32
		return strconv.AppendUint(dst, v.Uint(), 10), nil
	}
}

// appendText appends s as it is if JSON needs no escape for it, which is so for names of frames.
func appendText(dst []byte, s string) ([]byte, error) {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			text, err := json.Marshal(s)
			return append(dst, text...), err
		}
	}
	return append(append(append(dst, '"'), s...), '"'), nil
}
