package serde

import (
	"encoding"
	"fmt"
	"reflect"
	"time"

	"github.com/vmihailenco/msgpack/v5"
)

// CheckDefault returns an error if Default would not do for T: MessagePack of a generated message of protobuf, of a table of FlatBuffers
// or of a struct of Cap'n Proto is not its content, which lies in fields that are not exported.
func CheckDefault[T any]() error {
	t := reflect.TypeFor[T]()
	if _, ok := t.MethodByName("ProtoReflect"); ok {
		return fmt.Errorf("%v is a protobuf message: name its codec, protobuf.Codec[%v]() of serde/protobuf", t, t)
	}
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || t.NumField() == 0 || encodesItself(t) {
		return nil
	}
	for i := range t.NumField() {
		if f := t.Field(i); f.IsExported() || f.Anonymous {
			return nil
		}
	}
	return fmt.Errorf("%v has no exported fields, so its content would be lost: name a codec", t)
}

// encodesItself reports whether MessagePack calls a method of t or *t.
func encodesItself(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return t == reflect.TypeFor[time.Time]() || p.Implements(reflect.TypeFor[msgpack.CustomEncoder]()) || p.Implements(reflect.TypeFor[msgpack.Marshaler]()) ||
		p.Implements(reflect.TypeFor[encoding.BinaryMarshaler]()) || p.Implements(reflect.TypeFor[encoding.TextMarshaler]())
}
