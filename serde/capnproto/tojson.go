package capnproto

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/serde/internal/jsontext"
)

// Longest result of ToJSON: per byte of payload, and in addition.
const (
	jsonPerByte = 256
	jsonMore    = 1 << 20
)

// ToJSON converts a payload to JSON by the schema in t, for tools that do not know the generated type. It parses the schema
// each time; ParseSchema and Schema.ToJSON do that once.
func ToJSON(t serde.Type, payload []byte) (json.RawMessage, error) {
	s, err := ParseSchema(t)
	if err != nil {
		return nil, err
	}
	return s.ToJSON(payload)
}

// ToJSON converts a payload to JSON on one line. Structs and groups are objects whose members have the order of the schema; of a union
// only the active member is shown, and none if the schema lacks it. Integers are numbers, enum values are names, or numbers if the schema lacks them, Data is base64, Void
// is null, NaN and infinities are the strings "NaN", "Infinity" and "-Infinity". A field that the payload lacks has its default value. A
// struct that is not there and has no default value is null. The content of an AnyPointer or an interface is not shown: it is "(struct)",
// "(list)" or "(capability)". Text that is not UTF-8 has U+FFFD for each invalid byte.
//
// The payload is not trusted: values may nest serde.MaxDepth deep, all pointers together may lead to at most eight times the length of
// the payload, and the result has at most 1 MiB and 256 bytes per byte of payload. The error is a *serde.DecodeError. The result does not
// alias the payload.
func (s *Schema) ToJSON(payload []byte) (json.RawMessage, error) {
	src := bytes.Clone(payload) // read once: the payload may change concurrently
	out, err := s.toJSON(src)
	if err != nil {
		return nil, &serde.DecodeError{Type: s.name, Encoding: Encoding, Err: err}
	}
	return out, nil
}

func (s *Schema) toJSON(src []byte) ([]byte, error) {
	object, err := rootOf(src)
	if err != nil {
		return nil, err
	}
	standard := *s.bytes
	w := textWriter{limit: jsonMore + jsonPerByte*len(src), standard: &standard}
	if err := w.structure(s.root, object, serde.MaxDepth); err != nil {
		return nil, err
	}
	return w.out, w.check()
}

// rootOf returns the root of a message.
func rootOf(src []byte) (structure, error) {
	m, err := newMessage(src, 8)
	if err != nil {
		return structure{}, err
	}
	root, err := m.follow(place{})
	switch {
	case err != nil:
		return structure{}, err
	case root.kind == isNull:
		return structure{m: m}, nil
	case root.kind != isStruct:
		return structure{}, m.fault(place{}, errRoot)
	}
	return root.object, nil
}

// A textWriter writes the values of a message as JSON.
type textWriter struct {
	out      []byte
	limit    int
	standard *message // the schema, with default values
}

func (w *textWriter) check() error {
	if len(w.out) > w.limit {
		return errTooLong
	}
	return nil
}

func (w *textWriter) structure(n *node, s structure, depth int) error {
	if depth == 0 {
		return s.m.fault(s.place(), errDepth)
	}
	active := -1
	if n.variants > 0 {
		active = int(s.value(n.which, 16))
	}
	w.out = append(w.out, '{')
	first := true
	err := n.shown(active, func(f *field) error {
		if !first {
			w.out = append(w.out, ',')
		}
		first = false
		w.out = append(w.out, f.key...)
		err := w.check()
		if err == nil {
			err = w.field(f, s, depth)
		}
		if err != nil {
			return below(err, "."+f.name)
		}
		return nil
	})
	w.out = append(w.out, '}')
	return err
}

func (w *textWriter) field(f *field, s structure, depth int) error {
	switch {
	case f.inner != nil:
		return w.structure(f.inner, s, depth-1)
	case !f.typ.kind.pointer():
		w.number(f.typ, s.value(f.index, f.typ.kind.bits())^f.standard)
		return nil
	}
	t, err := s.target(f.index)
	if err != nil {
		return err
	}
	at, ok := s.pointer(f.index)
	if t.kind != isNull || !f.defaults {
		if err := w.target(f.typ, t, depth-1); err != nil {
			if ok {
				return s.m.placed(at, err)
			}
			return err
		}
		return nil
	}
	w.standard.left = math.MaxInt32 // for each: the length of the result limits how often
	if t, err = w.standard.follow(f.pointer); err == nil {
		err = w.target(f.typ, t, depth-1)
	}
	if err != nil {
		return &fault{offset: -1, err: fmt.Errorf("the default value: %v", err)} // whose offset is in the schema
	}
	return nil
}

// target writes what a pointer leads to.
func (w *textWriter) target(t *typ, v target, depth int) error {
	switch t.kind {
	case kindText:
		b, err := v.text()
		if err != nil {
			return err
		}
		w.out = jsontext.AppendText(w.out, b)
		return nil
	case kindData:
		if v.kind == isNull {
			w.out = append(w.out, '"', '"')
			return nil
		}
		if v.kind != isList || v.bits != 8 {
			return errKind(t)
		}
		w.out = append(w.out, '"')
		w.out = base64.StdEncoding.AppendEncode(w.out, v.bytes())
		w.out = append(w.out, '"')
		return nil
	case kindList:
		return w.list(t.element, v, depth)
	case kindStruct:
		switch v.kind {
		case isNull:
			w.out = append(w.out, "null"...)
			return nil
		case isStruct:
			return w.structure(t.node, v.object, depth)
		}
		return errKind(t)
	}
	if v.kind == isNull {
		w.out = append(w.out, "null"...)
		return nil
	}
	w.out = jsontext.AppendText(w.out, []byte(unshown[v.kind]))
	return nil
}

// unshown stands for the content of pointers whose type the schema does not tell.
var unshown = [...]string{isStruct: "(struct)", isList: "(list)", isCapability: "(capability)"}

func (w *textWriter) list(t *typ, v target, depth int) error {
	switch {
	case v.kind == isNull:
		w.out = append(w.out, "[]"...)
		return nil
	case v.kind != isList || !v.holds(t):
		return errKind(&typ{kind: kindList, element: t})
	case depth == 0:
		return v.object.m.fault(v.object.place(), errDepth)
	}
	w.out = append(w.out, '[')
	for i := range v.n {
		if i > 0 {
			w.out = append(w.out, ',')
		}
		if err := w.check(); err != nil {
			return err
		}
		if err := w.element(t, v, i, depth-1); err != nil {
			return below(err, fmt.Sprintf("[%d]", i))
		}
	}
	w.out = append(w.out, ']')
	return nil
}

// holds reports whether the elements of a list can be read as values of the type. Lists of numbers and pointers may have become lists of
// structs whose first field is that.
func (t target) holds(e *typ) bool {
	switch {
	case e.kind == kindVoid:
		return true
	case e.kind == kindBool:
		return t.bits == 1
	case t.bits == 1:
		return false
	case e.kind == kindStruct:
		return true
	case e.kind.pointer():
		return t.object.pointers > 0
	}
	return t.object.data*8 >= e.kind.bits()
}

func (w *textWriter) element(t *typ, v target, i int, depth int) error {
	switch {
	case t.kind == kindBool:
		w.number(t, v.bit(i))
		return nil
	case t.kind == kindStruct:
		return w.structure(t.node, v.element(i), depth)
	case !t.kind.pointer():
		w.number(t, v.element(i).value(0, t.kind.bits()))
		return nil
	}
	s := v.element(i)
	inner, err := s.target(0)
	if err == nil {
		err = w.target(t, inner, depth)
	}
	if err != nil {
		at, _ := s.pointer(0)
		return s.m.placed(at, err)
	}
	return nil
}

// number writes a value that lies in the data of a struct.
func (w *textWriter) number(t *typ, bits uint64) {
	switch {
	case t.kind == kindVoid:
		w.out = append(w.out, "null"...)
	case t.kind == kindBool:
		w.out = strconv.AppendBool(w.out, bits == 1)
	case t.kind == kindEnum && bits < uint64(len(t.node.names)):
		w.out = jsontext.AppendText(w.out, []byte(t.node.names[bits]))
	case t.kind == kindFloat32:
		w.out = jsontext.AppendFloat(w.out, float64(math.Float32frombits(uint32(bits))), 32)
	case t.kind == kindFloat64:
		w.out = jsontext.AppendFloat(w.out, math.Float64frombits(bits), 64)
	case t.kind.signed():
		shift := 64 - t.kind.bits()
		w.out = strconv.AppendInt(w.out, int64(bits<<shift)>>shift, 10)
	default:
		w.out = strconv.AppendUint(w.out, bits, 10)
	}
}

func errKind(t *typ) error { return fmt.Errorf("the pointer does not lead to a %v", t) }

var (
	errRoot    = errors.New("the root is not a struct")
	errTooLong = errors.New("its JSON is too long for a payload of this length")
)
