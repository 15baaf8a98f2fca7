package flatbuffers

import (
	"bytes"
	"encoding/binary"
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
		w := jsonWriter{buf: src, limit: maxJSON(len(src)), steps: maxSteps(len(src))}
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
	buf   []byte
	out   []byte
	limit int
	steps int64 // that are left
}

func (w *jsonWriter) uint16(at int) int   { return int(binary.LittleEndian.Uint16(w.buf[at:])) }
func (w *jsonWriter) indirect(at int) int { return at + w.uint32(at) }
func (w *jsonWriter) uint32(at int) int   { return int(binary.LittleEndian.Uint32(w.buf[at:])) }

// where returns where a table has the value of a field, 0 if it lacks the field.
func (w *jsonWriter) where(table int, f *field) int {
	vtable := table - int(int32(w.uint32(table)))
	if f.offset+2 > w.uint16(vtable) {
		return 0
	}
	if off := w.uint16(vtable + f.offset); off != 0 {
		return table + off
	}
	return 0
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

// known reports whether the value of a union, whose type is stored at an offset, can be shown.
func (w *jsonWriter) known(e *enum, unionType int) bool {
	if unionType == 0 {
		return false
	}
	v, ok := e.value(int64(w.buf[unionType]))
	return ok && v.typ.base != typeNone
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

// scalarBits returns the bits of a scalar.
func scalarBits(b []byte) uint64 {
	switch len(b) {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(binary.LittleEndian.Uint16(b))
	case 4:
		return uint64(binary.LittleEndian.Uint32(b))
	}
	return binary.LittleEndian.Uint64(b)
}

// extend extends the sign of an integer.
func extend(bits uint64, b baseType) int64 {
	if !b.signed() {
		return int64(bits)
	}
	shift := 64 - 8*b.size()
	return int64(bits<<shift) >> shift
}

func (w *jsonWriter) float(f float64, b baseType) {
	w.out = jsontext.AppendFloat(w.out, f, 8*b.size())
}

// integer writes an integer, bool or enum. It has the bits of n if it is a ulong.
func (w *jsonWriter) integer(n int64, t *valueType) {
	switch {
	case t.base == typeBool:
		w.out = strconv.AppendBool(w.out, n != 0)
	case t.enum != nil && w.names(n, t.enum):
	case t.base == typeULong:
		w.out = strconv.AppendUint(w.out, uint64(n), 10)
	default:
		w.out = strconv.AppendInt(w.out, n, 10)
	}
}

// names writes the name of an enum's value or the names of its flags, if there are names for it.
func (w *jsonWriter) names(n int64, e *enum) bool {
	if v, ok := e.value(n); ok {
		w.out = jsontext.AppendText(w.out, []byte(v.name))
		return true
	}
	if !e.flags {
		return false
	}
	var text []byte
	for _, v := range e.values {
		if v.value != 0 && n&v.value == v.value {
			n &^= v.value
			if text != nil {
				text = append(text, ' ')
			}
			text = append(text, v.name...)
		}
	}
	if n != 0 || text == nil {
		return false
	}
	w.out = jsontext.AppendText(w.out, text)
	return true
}
