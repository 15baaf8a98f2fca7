package flatbuffers

import (
	"bytes"
	"math"

	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/serde/internal/generic"
	"github.com/shmbus/shmbus/serde/internal/guard"
)

// ToValue converts a payload to a generic value by the schema alone, for programs without the generated type. Objects, their members
// and the names of enums are those of ToJSON. Vectors of bytes are []byte, whole numbers int64, or uint64 if they are larger, other
// numbers float64. Errors are those of ToJSON. The result takes at most 512 times the memory of the payload plus 1 MiB.
func ToValue(t serde.Type, payload []byte) (any, error) {
	s, err := ParseSchema(t)
	if err != nil {
		return nil, err
	}
	return s.ToValue(payload)
}

// ToValue is as the function of that name.
func (s *Schema) ToValue(payload []byte) (any, error) {
	src := bytes.Clone(payload) // the payload may change concurrently
	var out any
	err := guard.Run(&out, func() error {
		if err := verify(s.root, src); err != nil {
			return err
		}
		b := valueBuilder{message{buf: src, steps: maxSteps(len(src))}, generic.NewBuilder(len(src))}
		v, err := b.table(s.root, b.indirect(0))
		out = v
		return err
	})
	if err != nil {
		return nil, decodeError(s.name, err)
	}
	return out, nil
}

// A valueBuilder makes the values of a verified message.
type valueBuilder struct {
	message
	build *generic.Builder
}

// table makes the table at an offset.
func (b *valueBuilder) table(o *object, at int) (any, error) {
	if b.steps -= int64(1 + len(o.fields)); b.steps < 0 {
		return nil, errSteps
	}
	v, err := b.build.Object(len(o.fields))
	if err != nil {
		return nil, err
	}
	unionType := 0
	for i := range o.fields {
		f := &o.fields[i]
		before := unionType
		unionType = b.where(at, f)
		switch {
		case unionType == 0 && (!f.typ.base.scalar() || f.deprecated):
			continue
		case f.typ.base == typeUnion && !b.known(f.typ.enum, before):
			continue
		}
		if v[f.name], err = b.member(f, unionType, before); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// member makes the value of a field of a table, which is at an offset, 0 if the table lacks it.
func (b *valueBuilder) member(f *field, at, unionType int) (any, error) {
	switch {
	case at != 0:
		return b.value(&f.typ, at, unionType)
	case f.optional:
		return nil, nil
	case f.typ.base == typeFloat:
		return float64(float32(f.defaultReal)), nil
	case f.typ.base == typeDouble:
		return f.defaultReal, nil
	}
	return b.integer(f.defaultInt, &f.typ)
}

// value makes a value whose inline bytes are at an offset.
func (b *valueBuilder) value(t *valueType, at, unionType int) (any, error) {
	switch t.base {
	case typeString:
		return b.text(b.indirect(at))
	case typeVector:
		return b.vector(t, b.indirect(at), unionType)
	case typeArray:
		elem := t.element()
		return b.elements(&elem, at, t.length, 0)
	case typeUnion:
		return b.union(t.enum, b.indirect(at), unionType)
	case typeObject:
		if t.object.isStruct {
			return b.structure(t.object, at)
		}
		return b.table(t.object, b.indirect(at))
	}
	bits := scalarBits(b.buf[at:][:t.base.size()])
	switch t.base {
	case typeFloat:
		return float64(math.Float32frombits(uint32(bits))), nil
	case typeDouble:
		return math.Float64frombits(bits), nil
	}
	return b.integer(extend(bits, t.base), t)
}

func (b *valueBuilder) union(e *enum, at, unionType int) (any, error) {
	if !b.known(e, unionType) { // in a vector, where there must be a value
		return nil, nil
	}
	v, _ := e.value(int64(b.buf[unionType]))
	switch {
	case v.typ.base == typeString:
		return b.text(at)
	case v.typ.object.isStruct:
		return b.structure(v.typ.object, at)
	}
	return b.table(v.typ.object, at)
}

func (b *valueBuilder) structure(o *object, at int) (any, error) {
	v, err := b.build.Object(len(o.fields))
	for i := range o.fields {
		if err != nil {
			return nil, err
		}
		f := &o.fields[i]
		v[f.name], err = b.value(&f.typ, at+f.offset, 0)
	}
	return v, err
}

// text makes the string at an offset.
func (b *valueBuilder) text(at int) (any, error) { return b.build.Text(b.buf[at+4:][:b.uint32(at)]) }

// vector makes the vector at an offset. unionType is where the offset of the vector of types is stored.
func (b *valueBuilder) vector(t *valueType, at, unionType int) (any, error) {
	elem := t.element()
	firstType := 0
	if elem.base == typeUnion && unionType != 0 {
		firstType = b.indirect(unionType) + 4
	}
	return b.elements(&elem, at+4, b.uint32(at), firstType)
}

func (b *valueBuilder) elements(elem *valueType, first, n, firstType int) (any, error) {
	if elem.base == typeUByte && elem.enum == nil {
		return b.build.Bytes(b.buf[first:][:n])
	}
	list, err := b.build.Array(n)
	if err != nil {
		return nil, err
	}
	size := elem.inline()
	for i := range n {
		unionType := 0
		if firstType != 0 {
			unionType = firstType + i
		}
		v, err := b.value(elem, first+i*size, unionType)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}

// integer makes an integer, bool or name of an enum. It has the bits of n if it is a ulong.
func (b *valueBuilder) integer(n int64, t *valueType) (any, error) {
	if t.base == typeBool {
		return n != 0, nil
	}
	if t.enum != nil {
		if name, ok := t.enum.names(n); ok {
			return b.build.Text(name) // a schema may have long names
		}
	}
	if t.base == typeULong {
		return generic.Unsigned(uint64(n)), nil
	}
	return n, nil
}
