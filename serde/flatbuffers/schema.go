package flatbuffers

import (
	"bytes"
	"fmt"

	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/serde/internal/guard"
)

// A Schema is the parsed schema of a table, for tools that do not know the generated type. It is immutable and may be used
// concurrently.
type Schema struct {
	name       string
	root       *object
	identifier string // 4 bytes of every message; empty if the schema declares none for this table
}

// ParseSchema parses the schema of t, a binary schema as flatc --schema --binary makes it. A type of another encoding or without a
// schema is serde.ErrUndecodable. The schema is not trusted: its size and the number of its elements are limited, and all of it that
// is used is verified.
func ParseSchema(t serde.Type) (*Schema, error) {
	switch {
	case t.Encoding != Encoding:
		return nil, fmt.Errorf("a payload of encoding %q is not flatbuffer: %w", t.Encoding, serde.ErrUndecodable)
	case t.SchemaEncoding != Encoding || len(t.Schema) == 0:
		return nil, fmt.Errorf("%s in encoding %q has no schema: %w", t.Name, t.Encoding, serde.ErrUndecodable)
	}
	s := &Schema{name: t.Name}
	var p parser
	err := guard.Run(&p, func() error { return p.parse(bytes.Clone(t.Schema), t.Name) })
	if err != nil {
		return nil, fmt.Errorf("parse the flatbuffer schema of %s: %w", t.Name, err)
	}
	s.root, s.identifier = p.root, p.identifier
	return s, nil
}

// A baseType is one of reflection.BaseType.
type baseType uint8

const (
	typeNone baseType = iota
	typeUType
	typeBool
	typeByte
	typeUByte
	typeShort
	typeUShort
	typeInt
	typeUInt
	typeLong
	typeULong
	typeFloat
	typeDouble
	typeString
	typeVector
	typeObject // a table or struct
	typeUnion
	typeArray // in structs only
)

func (b baseType) String() string {
	names := [...]string{"none", "union type", "bool", "byte", "ubyte", "short", "ushort", "int", "uint", "long", "ulong", "float", "double",
		"string", "vector", "object", "union", "array"}
	if int(b) < len(names) {
		return names[b]
	}
	return fmt.Sprintf("type %d", uint8(b))
}

func (b baseType) scalar() bool { return b >= typeUType && b <= typeDouble }

// size is the number of bytes of a scalar, and of the offset to a value of another type.
func (b baseType) size() int {
	switch b {
	case typeUType, typeBool, typeByte, typeUByte:
		return 1
	case typeShort, typeUShort:
		return 2
	case typeLong, typeULong, typeDouble:
		return 8
	}
	return 4
}

func (b baseType) signed() bool {
	return b == typeByte || b == typeShort || b == typeInt || b == typeLong
}

func (b baseType) float() bool { return b == typeFloat || b == typeDouble }

// A valueType is the type of a field, or of the elements of a vector or array.
type valueType struct {
	base   baseType
	elem   baseType // of a vector or array
	length int      // of an array
	object *object  // of an object, and of vectors and arrays of objects
	enum   *enum    // of a union and its type, of integers with names, and of vectors and arrays of these
}

// element is the type of the elements.
func (t *valueType) element() valueType {
	return valueType{base: t.elem, object: t.object, enum: t.enum}
}

// inline is the number of bytes of a value where it is stored: that of a scalar, struct, array or offset.
func (t *valueType) inline() int {
	switch {
	case t.base == typeObject && t.object.isStruct:
		return t.object.size
	case t.base == typeArray:
		elem := t.element()
		return t.length * elem.inline()
	}
	return t.base.size()
}

// align is the alignment of a value where it is stored.
func (t *valueType) align() int {
	switch {
	case t.base == typeObject && t.object.isStruct:
		return t.object.align
	case t.base == typeArray:
		elem := t.element()
		return elem.align()
	}
	return t.base.size()
}

func (t *valueType) String() string {
	switch {
	case t.base == typeVector || t.base == typeArray:
		elem := t.element()
		if t.base == typeArray {
			return fmt.Sprintf("[%v:%d]", &elem, t.length)
		}
		return fmt.Sprintf("[%v]", &elem)
	case t.base == typeObject && t.object.isStruct:
		return "struct " + t.object.name
	case t.base == typeObject:
		return "table " + t.object.name
	case t.base == typeUnion:
		return "union " + t.enum.name
	}
	return t.base.String()
}

// An object is a table or struct.
type object struct {
	name         string
	isStruct     bool
	size, align  int     // of a struct
	fields       []field // by id
	lastRequired int     // index of the last required field, -1 if there is none
	byName       map[string]int
}

type field struct {
	name        string
	typ         valueType
	id          int
	offset      int // in the vtable, or in the struct
	defaultInt  int64
	defaultReal float64
	deprecated  bool
	required    bool
	optional    bool // a scalar that may be absent
}

// An enum is the names of integers, or of the types of a union.
type enum struct {
	name    string
	union   bool
	flags   bool // values are bits
	base    baseType
	values  []enumValue
	byValue map[int64]int
	byName  map[string]int
}

type enumValue struct {
	name  string
	value int64
	typ   valueType // of a union
}

// value returns the value with the number n.
func (e *enum) value(n int64) (*enumValue, bool) {
	i, ok := e.byValue[n]
	if !ok {
		return nil, false
	}
	return &e.values[i], true
}
