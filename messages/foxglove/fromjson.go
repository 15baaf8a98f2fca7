package foxglove

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/shmbus/shmbus/serde"
)

// A jsonDecoder decodes by the codec of package serde, which takes private copies of payloads and makes panics errors.
type jsonDecoder[E any, M message[E]] struct {
	t     serde.Type
	inner serde.Decoder[document[E, M]]
	doc   document[E, M]
}

func (d *jsonDecoder[E, M]) Decode(src []byte, v *M) error {
	err := d.inner.Decode(src, &d.doc)
	*v = d.doc.m
	d.doc.m = nil
	var bad *serde.DecodeError
	if errors.As(err, &bad) {
		bad.Type = d.t.Name
	}
	return err
}

// A document is a message in JSON.
type document[E any, M message[E]] struct{ m M }

// UnmarshalJSON makes a new message of one that is valid JSON.
func (d *document[E, M]) UnmarshalJSON(text []byte) error {
	d.m = new(E)
	return readMessage(d.m.ProtoReflect(), text)
}

var errNull = errors.New("null is no object")

// readMessage sets the fields of m. Those that text lacks or has as null are left zero.
func readMessage(m protoreflect.Message, text []byte) error {
	if stamp, ok := m.Interface().(*timestamppb.Timestamp); ok {
		var t struct {
			Sec  int64 `json:"sec"`
			Nsec int32 `json:"nsec"`
		}
		err := json.Unmarshal(text, &t)
		stamp.Seconds, stamp.Nanos = t.Sec, t.Nsec
		return err
	}
	if isNull(text) {
		return errNull
	}
	var values map[string]json.RawMessage
	if err := json.Unmarshal(text, &values); err != nil {
		return err
	}
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		fd := fields.Get(i)
		text := values[string(fd.Name())]
		if text == nil || isNull(text) {
			continue
		}
		if err := readField(m, fd, text); err != nil {
			return fmt.Errorf("%s: %w", fd.Name(), err)
		}
	}
	return nil
}

func isNull(text []byte) bool { return string(bytes.TrimSpace(text)) == "null" }

func readField(m protoreflect.Message, fd protoreflect.FieldDescriptor, text []byte) error {
	switch {
	case fd.IsList() && fd.Kind() == protoreflect.MessageKind:
		var elements []json.RawMessage
		if err := json.Unmarshal(text, &elements); err != nil {
			return err
		}
		list := m.Mutable(fd).List()
		for i, text := range elements {
			if err := readMessage(list.AppendMutable().Message(), text); err != nil {
				return fmt.Errorf("element %d: %w", i, err)
			}
		}
	case fd.IsList(): // of double
		var elements []float64
		if err := json.Unmarshal(text, &elements); err != nil {
			return err
		}
		list := m.Mutable(fd).List()
		for _, x := range elements {
			list.Append(protoreflect.ValueOfFloat64(x))
		}
	case fd.Kind() == protoreflect.MessageKind:
		return readMessage(m.Mutable(fd).Message(), text)
	case fd.Kind() == protoreflect.BytesKind:
		return read(m, fd, text, protoreflect.ValueOfBytes)
	case fd.Kind() == protoreflect.StringKind:
		return read(m, fd, text, protoreflect.ValueOfString)
	case fd.Kind() == protoreflect.DoubleKind:
		return read(m, fd, text, protoreflect.ValueOfFloat64)
	case fd.Kind() == protoreflect.EnumKind:
		return read(m, fd, text, protoreflect.ValueOfEnum)
	default: // uint32, fixed32
		return read(m, fd, text, protoreflect.ValueOfUint32)
	}
	return nil
}

// read sets a field to a value of the Go type G.
func read[G any](m protoreflect.Message, fd protoreflect.FieldDescriptor, text []byte, value func(G) protoreflect.Value) error {
	var v G
	err := json.Unmarshal(text, &v)
	if err == nil {
		m.Set(fd, value(v))
	}
	return err
}
