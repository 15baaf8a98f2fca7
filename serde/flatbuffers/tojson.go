package flatbuffers

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strconv"

	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/serde/internal/guard"
	"github.com/shmbus/shmbus/serde/internal/jsontext"
)

// maxJSON is how long the JSON of a payload of n bytes may be.
func maxJSON(n int) int { return int(min(16<<20+16*int64(n), 1<<30)) }

var errJSONTooLong = errors.New("its JSON is too long for a payload of this length")

// ToJSON converts a payload to JSON by the schema in t, for tools that do not know the generated type. It parses the schema
// each time; ParseSchema and Schema.ToJSON do that once.
func ToJSON(t serde.Type, payload []byte) (json.RawMessage, error) {
	s, err := ParseSchema(t)
	if err != nil {
		return nil, err
	}
	return s.ToJSON(payload)
}

// ToJSON converts a payload to JSON as flatc --json --strict-json --defaults-json does, but on one line. Tables and structs are objects
// with the fields in the order of their ids. Scalars that the message lacks are shown with their default value, optional
// ones as null; strings, vectors, tables and structs that it lacks are left out. Enums are names, or numbers if they have no
// name; flags are names separated by spaces if the schema has builtin attributes. A union is two members: its type by name, with the suffix
// _type, and the value, which is left out if the schema lacks the type. Vectors of bytes are arrays of numbers.
//
// Unlike flatc, ToJSON shows NaN and infinities as the strings "NaN", "Infinity" and "-Infinity", floating-point numbers with all their
// digits, each byte that is not UTF-8 as U+FFFD, and messages in byte vectors as bytes.
//
// The payload is not trusted: it is copied and verified as by Codec.Verify, except for the file identifier, and the result is limited to
// 16 MiB plus 16 times the length of the payload. The error is a *serde.DecodeError. The result does not alias the payload.
func (s *Schema) ToJSON(payload []byte) (json.RawMessage, error) {
	src := bytes.Clone(payload) // the payload may change concurrently
	var out []byte
	err := guard.Run(&out, func() error {
		if err := verify(s.root, src); err != nil {
			return err
		}
		w := jsonWriter{message: message{buf: src, steps: maxSteps(len(src))}, limit: maxJSON(len(src))}
		if err := w.table(s.root, w.indirect(0)); err != nil {
			return err
		}
		out = w.out
		return nil
	})
	if err != nil {
		return nil, decodeError(s.name, err)
	}
	return out, nil
}

// A jsonWriter writes a verified message as JSON.
type jsonWriter struct {
	message
	out   []byte
	limit int
}

func (w *jsonWriter) check() error {
	if len(w.out) > w.limit {
		return errJSONTooLong
	}
	return nil
}

func (w *jsonWriter) key(first bool, name string) {
	if !first {
		w.out = append(w.out, ',')
	}
	w.out = jsontext.AppendText(w.out, []byte(name))
	w.out = append(w.out, ':')
}

// table writes the table at an offset.
func (w *jsonWriter) table(o *object, at int) error {
	if w.steps -= int64(1 + len(o.fields)); w.steps < 0 {
		return errSteps
	}
	w.out = append(w.out, '{')
	empty, unionType := true, 0
	for i := range o.fields {
		f := &o.fields[i]
		before := unionType
		unionType = w.where(at, f)
		switch {
		case unionType == 0 && (!f.typ.base.scalar() || f.deprecated):
			continue
		case f.typ.base == typeUnion && !w.known(f.typ.enum, before):
			continue
		}
		w.key(empty, f.name)
		empty = false
		if err := w.member(f, unionType, before); err != nil {
			return err
		}
	}
	w.out = append(w.out, '}')
	return w.check()
}

// member writes the value of a field of a table, which is at an offset, 0 if the table lacks it.
func (w *jsonWriter) member(f *field, at, unionType int) error {
	switch {
	case at != 0:
		return w.value(&f.typ, at, unionType)
	case f.optional:
		w.out = append(w.out, "null"...)
	case f.typ.base.float():
		w.float(f.defaultReal, f.typ.base)
	default:
		w.integer(f.defaultInt, &f.typ)
	}
	return w.check()
}

// value writes a value whose inline bytes are at an offset.
func (w *jsonWriter) value(t *valueType, at, unionType int) error {
	switch t.base {
	case typeString:
		return w.text(w.indirect(at))
	case typeVector:
		return w.vector(t, w.indirect(at), unionType)
	case typeArray:
		elem := t.element()
		return w.elements(&elem, at, t.length, 0)
	case typeUnion:
		return w.union(t.enum, w.indirect(at), unionType)
	case typeObject:
		if t.object.isStruct {
			return w.structure(t.object, at)
		}
		return w.table(t.object, w.indirect(at))
	}
	w.scalar(t, at)
	return w.check()
}

func (w *jsonWriter) union(e *enum, at, unionType int) error {
	if !w.known(e, unionType) { // in a vector, where there must be a value
		w.out = append(w.out, "null"...)
		return w.check()
	}
	v, _ := e.value(int64(w.buf[unionType]))
	switch {
	case v.typ.base == typeString:
		return w.text(at)
	case v.typ.object.isStruct:
		return w.structure(v.typ.object, at)
	}
	return w.table(v.typ.object, at)
}

func (w *jsonWriter) structure(o *object, at int) error {
	w.out = append(w.out, '{')
	for i := range o.fields {
		f := &o.fields[i]
		w.key(i == 0, f.name)
		if err := w.value(&f.typ, at+f.offset, 0); err != nil {
			return err
		}
	}
	w.out = append(w.out, '}')
	return w.check()
}

// text writes the string at an offset.
func (w *jsonWriter) text(at int) error {
	n := w.uint32(at)
	if n > w.limit-len(w.out) {
		return errJSONTooLong
	}
	w.out = jsontext.AppendText(w.out, w.buf[at+4:][:n])
	return w.check()
}

// vector writes the vector at an offset. unionType is where the offset of the vector of types is stored.
func (w *jsonWriter) vector(t *valueType, at, unionType int) error {
	elem := t.element()
	firstType := 0
	if elem.base == typeUnion && unionType != 0 {
		firstType = w.indirect(unionType) + 4
	}
	return w.elements(&elem, at+4, w.uint32(at), firstType)
}

func (w *jsonWriter) elements(elem *valueType, first, n, firstType int) error {
	w.out = append(w.out, '[')
	size := elem.inline()
	for i := range n {
		if i > 0 {
			w.out = append(w.out, ',')
		}
		unionType := 0
		if firstType != 0 {
			unionType = firstType + i
		}
		if err := w.value(elem, first+i*size, unionType); err != nil {
			return err
		}
	}
	w.out = append(w.out, ']')
	return w.check()
}

// scalar writes the scalar at an offset.
func (w *jsonWriter) scalar(t *valueType, at int) {
	bits := scalarBits(w.buf[at:][:t.base.size()])
	switch t.base {
	case typeFloat:
		w.float(float64(math.Float32frombits(uint32(bits))), t.base)
	case typeDouble:
		w.float(math.Float64frombits(bits), t.base)
	default:
		w.integer(extend(bits, t.base), t)
	}
}

func (w *jsonWriter) float(f float64, b baseType) {
	w.out = jsontext.AppendFloat(w.out, f, 8*b.size())
}

// integer writes an integer, bool or enum. It has the bits of n if it is a ulong.
func (w *jsonWriter) integer(n int64, t *valueType) {
	if t.enum != nil && t.base != typeBool {
		if name, ok := t.enum.names(n); ok {
			w.out = jsontext.AppendText(w.out, name)
			return
		}
	}
	switch t.base {
	case typeBool:
		w.out = strconv.AppendBool(w.out, n != 0)
	case typeULong:
		w.out = strconv.AppendUint(w.out, uint64(n), 10)
	default:
		w.out = strconv.AppendInt(w.out, n, 10)
	}
}
