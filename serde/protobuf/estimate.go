package protobuf

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// maxJSON is how long the JSON of a payload of n bytes may be.
func maxJSON(n int) int64 { return 16<<20 + 64*int64(n) }

// An estimate computes an upper bound of the length of a message as JSON, before any is made. A schema can make it huge: a field
// of two bytes may have a name of a megabyte.
type estimate struct {
	decoding proto.UnmarshalOptions // of the messages in an Any
	limit    int64
	n        int64
	empty    map[protoreflect.FullName]int64 // results of emptySize
}

var errJSONTooLong = errors.New("its JSON is too long for a payload of this length")

// Upper bounds in bytes.
const (
	frame       = 64 // braces, and the whole text of a Timestamp, a Duration or the "@type" of an Any beside its URL
	separators  = 4  // quotes around a name, colon and comma
	numberSize  = 28 // of a number, quoted if it has 64 bits, or a bool
	defaultSize = 8  // of a zero value, except for the name of an enum value
)

// message adds what m takes. Messages may nest depth deep, those in an Any included.
func (e *estimate) message(m protoreflect.Message, depth int) error {
	if depth <= 0 {
		return errDepth
	}
	md := m.Descriptor()
	err := e.add(e.emptySize(md))
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if fd.IsExtension() && err == nil {
			err = e.add(textSize(string(fd.FullName())) + separators + 2)
		}
		switch {
		case err != nil:
		case fd.IsList():
			for i := 0; i < v.List().Len() && err == nil; i++ {
				err = e.value(fd, v.List().Get(i), depth)
			}
		case fd.IsMap():
			v.Map().Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
				if err = e.add(textSize(k.String()) + separators); err == nil {
					err = e.value(fd.MapValue(), v, depth)
				}
				return err == nil
			})
		default:
			err = e.value(fd, v, depth)
		}
		return err == nil
	})
	if err == nil && md.FullName() == "google.protobuf.Any" {
		err = e.any(m, depth)
	}
	return err
}

// any adds what the message in an Any takes.
func (e *estimate) any(m protoreflect.Message, depth int) error {
	url, value := m.Descriptor().Fields().ByNumber(1), m.Descriptor().Fields().ByNumber(2)
	if url == nil || value == nil || url.Kind() != protoreflect.StringKind || value.Kind() != protoreflect.BytesKind ||
		url.IsList() || value.IsList() {
		return errors.New("the schema declares google.protobuf.Any with other fields")
	}
	name := m.Get(url).String()
	if name == "" {
		return nil
	}
	mt, err := e.decoding.Resolver.(interface {
		FindMessageByURL(string) (protoreflect.MessageType, error)
	}).FindMessageByURL(name)
	if err != nil {
		return fmt.Errorf("the schema lacks the message of an Any, %q", name)
	}
	inner := mt.New()
	if err := e.decoding.Unmarshal(m.Get(value).Bytes(), inner.Interface()); err != nil {
		return fmt.Errorf("the message in an Any: %w", err)
	}
	return e.message(inner, depth-1)
}

// value adds what a single value takes, without a name.
func (e *estimate) value(fd protoreflect.FieldDescriptor, v protoreflect.Value, depth int) error {
	switch fd.Kind() {
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return e.message(v.Message(), depth-1)
	case protoreflect.StringKind:
		return e.add(textSize(v.String()) + separators)
	case protoreflect.BytesKind:
		return e.add(int64(len(v.Bytes()))/3*4 + 4 + separators)
	case protoreflect.EnumKind:
		if value := fd.Enum().Values().ByNumber(v.Enum()); value != nil {
			return e.add(int64(len(value.Name())) + separators)
		}
	}
	return e.add(numberSize + separators)
}

func (e *estimate) add(n int64) error {
	if e.n += n; e.n > e.limit {
		return errJSONTooLong
	}
	return nil
}

// emptySize is what a message without values takes, with the names of all its fields.
func (e *estimate) emptySize(md protoreflect.MessageDescriptor) int64 {
	if n, ok := e.empty[md.FullName()]; ok {
		return n
	}
	n := int64(frame)
	for i := range md.Fields().Len() {
		fd := md.Fields().Get(i)
		n += textSize(fd.JSONName()) + separators + defaultSize
		if fd.Kind() == protoreflect.EnumKind && !fd.IsList() {
			if v := fd.DefaultEnumValue(); v != nil {
				n += int64(len(v.Name()))
			}
		}
	}
	if e.empty == nil {
		e.empty = map[protoreflect.FullName]int64{}
	}
	e.empty[md.FullName()] = n
	return n
}

// textSize is what text takes without quotes.
func textSize(s string) (n int64) {
	for i := range len(s) {
		if n++; s[i] < 0x20 || s[i] == '"' || s[i] == '\\' || s[i] == 0x7f {
			n += 5 // \u00XX
		}
	}
	return n
}
