package protobuf

import (
	"errors"
	"fmt"
	"math"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/shmbus/shmbus/serde"
)

// maxPath is the length in bytes from which the path of a field is cut at its beginning.
const maxPath = 200

var (
	errDepth    = errors.New("messages are nested too deep")
	errElements = errors.New("too many messages")
	errNotUTF8  = errors.New("text is not valid UTF-8")
	errNumber   = errors.New("the field number is too large")
)

// A walk reads the wire format of a message without decoding it. It finds the first fault and counts messages.
type walk struct {
	depth    int // how deep messages may still nest
	messages int // how many may still follow
	size     int // bytes of the outermost message
}

// A fault is an error in the wire format.
type fault struct {
	offset int    // of the field, from the start of the payload, in bytes
	path   string // names of the fields from the outermost message on
	err    error
}

func (f *fault) Error() string {
	if f.path == "" {
		return fmt.Sprintf("at byte %d: %v", f.offset, f.err)
	}
	return fmt.Sprintf("at byte %d, field %s: %v", f.offset, f.path, f.err)
}

func (f *fault) Unwrap() error { return f.err }

// decodeError makes the error of a decoder, with the place of the fault if there is one. The library's own errors lack it.
func decodeError(t serde.Type, md protoreflect.MessageDescriptor, src []byte, err error) error {
	w := walk{depth: protowire.DefaultRecursionLimit, messages: math.MaxInt}
	if found := w.message(md, src); found != nil {
		err = found
	}
	return &serde.DecodeError{Type: t.Name, Encoding: t.Encoding, Err: err}
}

// message walks over a message that is all of b.
func (w *walk) message(md protoreflect.MessageDescriptor, b []byte) error {
	w.size = len(b)
	_, f := w.fields(md, b, len(b), 0)
	if f == nil { // a nil *fault is no nil error
		return nil
	}
	return f
}

// fields walks over the fields of a message that begins at b and ends after n bytes, or with the end of the group if that is
// not 0. All bytes up to the end of the payload are in b. It returns the number of bytes read.
func (w *walk) fields(md protoreflect.MessageDescriptor, b []byte, n int, group protowire.Number) (int, *fault) {
	if w.depth--; w.depth < 0 {
		return 0, &fault{offset: w.size - len(b), err: errDepth}
	}
	if w.messages--; w.messages < 0 {
		return 0, &fault{offset: w.size - len(b), err: errElements}
	}
	defer func() { w.depth++ }()
	at := 0
	for at < n {
		num, typ, used := protowire.ConsumeTag(b[at:n])
		if used < 0 {
			return at, &fault{offset: w.size - len(b) + at, err: protowire.ParseError(used)}
		}
		if num > protowire.MaxValidNumber {
			return at, &fault{offset: w.size - len(b) + at, err: errNumber}
		}
		if typ == protowire.EndGroupType {
			if num == group && group != 0 {
				return at + used, nil
			}
			return at, &fault{offset: w.size - len(b) + at, err: errors.New("the end of a group that did not begin")}
		}
		read, f := w.field(md.Fields().ByNumber(num), b[at+used:], n-at-used, num, typ)
		if f != nil {
			if f.path == "" && f.offset < 0 {
				f.offset = w.size - len(b) + at
			}
			f.path = join(md.Fields().ByNumber(num), num, f.path)
			return at, f
		}
		at += used + read
	}
	if group != 0 {
		return at, &fault{offset: w.size - len(b) + at, err: errors.New("a group does not end")}
	}
	return at, nil
}

// field walks over the value of a field. fd is nil if the message type does not have it. A fault of the value itself has the
// offset -1.
func (w *walk) field(fd protoreflect.FieldDescriptor, b []byte, n int, num protowire.Number, typ protowire.Type) (int, *fault) {
	known := fd != nil
	switch {
	case known && fd.Kind() == protoreflect.GroupKind && typ == protowire.StartGroupType:
		return w.fields(fd.Message(), b, n, num)
	case typ != protowire.BytesType:
		used := protowire.ConsumeFieldValue(num, typ, b[:n])
		if used < 0 {
			return 0, &fault{offset: -1, err: protowire.ParseError(used)}
		}
		return used, nil
	}
	v, used := protowire.ConsumeBytes(b[:n])
	if used < 0 {
		return 0, &fault{offset: -1, err: protowire.ParseError(used)}
	}
	switch {
	case known && fd.Kind() == protoreflect.MessageKind:
		head := used - len(v)
		if _, f := w.fields(fd.Message(), b[head:], len(v), 0); f != nil {
			return 0, f
		}
	case known && fd.Kind() == protoreflect.StringKind && enforcesUTF8(fd) && !utf8.Valid(v):
		return 0, &fault{offset: -1, err: errNotUTF8}
	case known && fd.IsList() && packable(fd):
		if err := packed(fd.Kind(), v); err != nil {
			return 0, &fault{offset: -1, err: err}
		}
	}
	return used, nil
}

// packed walks over the values of a packed list.
func packed(kind protoreflect.Kind, b []byte) error {
	for len(b) > 0 {
		n := 0
		switch kind {
		case protoreflect.FloatKind, protoreflect.Fixed32Kind, protoreflect.Sfixed32Kind:
			_, n = protowire.ConsumeFixed32(b)
		case protoreflect.DoubleKind, protoreflect.Fixed64Kind, protoreflect.Sfixed64Kind:
			_, n = protowire.ConsumeFixed64(b)
		default:
			_, n = protowire.ConsumeVarint(b)
		}
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
	}
	return nil
}

func packable(fd protoreflect.FieldDescriptor) bool {
	switch fd.Kind() {
	case protoreflect.StringKind, protoreflect.BytesKind, protoreflect.MessageKind, protoreflect.GroupKind:
		return false
	}
	return true
}

// enforcesUTF8 reports whether the library refuses invalid text in the field.
func enforcesUTF8(fd protoreflect.FieldDescriptor) bool {
	if fd.Syntax() == protoreflect.Editions {
		e, ok := fd.(interface{ EnforceUTF8() bool })
		return ok && e.EnforceUTF8()
	}
	return fd.Syntax() == protoreflect.Proto3
}

// join puts the name of a field, or its number in a message that does not have it, before the path of an inner field.
func join(fd protoreflect.FieldDescriptor, num protowire.Number, inner string) string {
	name := fmt.Sprint(num)
	if fd != nil {
		name = string(fd.Name())
	}
	switch {
	case inner == "":
		return name
	case len(inner) > maxPath && inner[0] == '.':
		return inner
	case len(inner) > maxPath:
		return "..." + inner
	}
	return name + "." + inner
}
