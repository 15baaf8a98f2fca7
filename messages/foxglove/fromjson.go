package foxglove

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/shmbus/shmbus/serde"
)

// keepAtMost is the maximum memory in bytes that a decoder keeps between payloads.
const keepAtMost = 1 << 20

type jsonDecoder[E any, M message[E]] struct {
	t       serde.Type
	private []byte // the payload: encoding/json reads it several times and relies on equal bytes
}

func (d *jsonDecoder[E, M]) Decode(src []byte, v *M) error {
	*v = nil
	d.private = append(d.private[:0], src...)
	m := M(new(E))
	err := readMessage(m.ProtoReflect(), d.private)
	if cap(d.private) > keepAtMost {
		d.private = nil
	}
	if err != nil {
		if syntax := (*json.SyntaxError)(nil); errors.As(err, &syntax) {
			err = fmt.Errorf("offset %d: %w", syntax.Offset, err)
		}
		return &serde.DecodeError{Type: d.t.Name, Encoding: d.t.Encoding, Err: err}
	}
	*v = m
	return nil
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
		b, err := readBytes(text)
		if err == nil {
			m.Set(fd, protoreflect.ValueOfBytes(b))
		}
		return err
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

// readBytes decodes base64. Text without escapes, which is usual, is not copied first.
func readBytes(text []byte) (b []byte, err error) {
	text = bytes.TrimSpace(text)
	if text[0] != '"' || bytes.IndexByte(text, '\\') >= 0 {
		err = json.Unmarshal(text, &b)
		return b, err
	}
	return base64.StdEncoding.AppendDecode(nil, text[1:len(text)-1])
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
