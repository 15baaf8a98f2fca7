package capnproto

import (
	"bytes"
	"fmt"
	"math"

	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/serde/internal/generic"
)

// ToValue converts a payload to a generic value by the schema alone, for programs without the generated type. Objects, their members
// and the names of enum values are those of ToJSON. Data and List(UInt8) are []byte, whole numbers int64, or uint64 if they are larger,
// other numbers float64. Errors are those of ToJSON. The result takes at most 512 times the memory of the payload plus 1 MiB.
func ToValue(t serde.Type, payload []byte) (any, error) {
	s, err := ParseSchema(t)
	if err != nil {
		return nil, err
	}
	return s.ToValue(payload)
}

// ToValue is as the function of that name.
func (s *Schema) ToValue(payload []byte) (any, error) {
	src := bytes.Clone(payload) // read once: the payload may change concurrently
	object, err := rootOf(src)
	if err == nil {
		standard := *s.bytes
		b := valueBuilder{generic.NewBuilder(len(src)), &standard}
		var v any
		if v, err = b.structure(s.root, object, serde.MaxDepth); err == nil {
			return v, nil
		}
	}
	return nil, &serde.DecodeError{Type: s.name, Encoding: Encoding, Err: err}
}

// A valueBuilder makes the values of a message.
type valueBuilder struct {
	build    *generic.Builder
	standard *message // the schema, with default values
}

func (b *valueBuilder) structure(n *node, s structure, depth int) (any, error) {
	if depth == 0 {
		return nil, s.m.fault(s.place(), errDepth)
	}
	active := -1
	if n.variants > 0 {
		active = int(s.value(n.which, 16))
	}
	v, err := b.build.Object(len(n.always) + 1)
	if err != nil {
		return nil, err
	}
	err = n.shown(active, func(f *field) (err error) {
		if v[f.name], err = b.field(f, s, depth); err != nil {
			return below(err, "."+f.name)
		}
		return nil
	})
	return v, err
}

func (b *valueBuilder) field(f *field, s structure, depth int) (any, error) {
	switch {
	case f.inner != nil:
		return b.structure(f.inner, s, depth-1)
	case !f.typ.kind.pointer():
		return numberValue(f.typ, s.value(f.index, f.typ.kind.bits())^f.standard), nil
	}
	t, err := s.target(f.index)
	if err != nil {
		return nil, err
	}
	at, ok := s.pointer(f.index)
	if t.kind != isNull || !f.defaults {
		v, err := b.target(f.typ, t, depth-1)
		if err != nil && ok {
			err = s.m.placed(at, err)
		}
		return v, err
	}
	b.standard.left = math.MaxInt32 // for each: the memory of the result limits how often
	var v any
	if t, err = b.standard.follow(f.pointer); err == nil {
		v, err = b.target(f.typ, t, depth-1)
	}
	if err != nil {
		return nil, &fault{offset: -1, err: fmt.Errorf("the default value: %v", err)} // whose offset is in the schema
	}
	return v, nil
}

// target makes the value that a pointer leads to.
func (b *valueBuilder) target(t *typ, v target, depth int) (any, error) {
	switch t.kind {
	case kindText:
		s, err := v.text()
		if err != nil {
			return nil, err
		}
		return b.build.Text(s)
	case kindData:
		if v.kind != isNull && (v.kind != isList || v.bits != 8) {
			return nil, errKind(t)
		}
		if v.kind == isNull {
			return []byte{}, nil
		}
		return b.build.Bytes(v.bytes())
	case kindList:
		return b.list(t.element, v, depth)
	case kindStruct:
		switch v.kind {
		case isNull:
			return nil, nil
		case isStruct:
			return b.structure(t.node, v.object, depth)
		}
		return nil, errKind(t)
	}
	if v.kind == isNull {
		return nil, nil
	}
	return unshown[v.kind], nil
}

func (b *valueBuilder) list(t *typ, v target, depth int) (any, error) {
	switch {
	case v.kind == isNull:
		if t.kind == kindUint8 {
			return []byte{}, nil
		}
		return []any{}, nil
	case v.kind != isList || !v.holds(t):
		return nil, errKind(&typ{kind: kindList, element: t})
	case depth == 0:
		return nil, v.object.m.fault(v.object.place(), errDepth)
	case t.kind == kindUint8 && v.bits == 8:
		return b.build.Bytes(v.bytes())
	}
	list, err := b.build.Array(v.n)
	if err != nil {
		return nil, err
	}
	for i := range v.n {
		e, err := b.element(t, v, i, depth-1)
		if err != nil {
			return nil, below(err, fmt.Sprintf("[%d]", i))
		}
		list = append(list, e)
	}
	return list, nil
}

func (b *valueBuilder) element(t *typ, v target, i int, depth int) (any, error) {
	switch {
	case t.kind == kindBool:
		return numberValue(t, v.bit(i)), nil
	case t.kind == kindStruct:
		return b.structure(t.node, v.element(i), depth)
	case !t.kind.pointer():
		return numberValue(t, v.element(i).value(0, t.kind.bits())), nil
	}
	s := v.element(i)
	inner, err := s.target(0)
	var made any
	if err == nil {
		made, err = b.target(t, inner, depth)
	}
	if err != nil {
		at, _ := s.pointer(0)
		return nil, s.m.placed(at, err)
	}
	return made, nil
}

// numberValue is a value that lies in the data of a struct.
func numberValue(t *typ, bits uint64) any {
	switch {
	case t.kind == kindVoid:
		return nil
	case t.kind == kindBool:
		return bits == 1
	case t.kind == kindEnum && bits < uint64(len(t.node.names)):
		return t.node.names[bits]
	case t.kind == kindFloat32:
		return float64(math.Float32frombits(uint32(bits)))
	case t.kind == kindFloat64:
		return math.Float64frombits(bits)
	case t.kind.signed():
		shift := 64 - t.kind.bits()
		return int64(bits<<shift) >> shift
	}
	return generic.Unsigned(bits)
}
