package flatbuffers

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	flatbuffers "github.com/google/flatbuffers/go"
)

// Limits of the schemas that ParseSchema accepts.
const (
	maxSchema   = 16 << 20 // bytes
	maxElements = 1 << 18  // objects, fields, enums and values that the root needs, together
)

// A parser makes objects and enums of the tables of a schema: those that the root can contain.
type parser struct {
	schema     reflected
	root       *object
	identifier string
	objects    map[int]*object // by their index in the schema
	enums      map[int]*enum
	allObjects []*object // in the order in which they were found
	allEnums   []*enum
	next       []func() error // parses what was found and not parsed yet
	elements   int
}

func (p *parser) parse(schema []byte, name string) error {
	if len(schema) > maxSchema {
		return fmt.Errorf("it has %d bytes, more than %d", len(schema), maxSchema)
	}
	if err := verify(reflectionSchema(), schema); err != nil {
		return err
	}
	*p = parser{schema: tableAt(schema, flatbuffers.GetUOffsetT(schema)), objects: map[int]*object{}, enums: map[int]*enum{}}
	for i := range p.schema.count(schemaObjects) {
		if p.schema.item(schemaObjects, i).text(objectName) != name {
			continue
		}
		var err error
		if p.root, err = p.object(i); err != nil {
			return err
		}
		break
	}
	if p.root == nil {
		return errors.New("it does not declare this table")
	}
	for len(p.next) > 0 {
		last := len(p.next) - 1
		parse := p.next[last]
		p.next = p.next[:last]
		if err := parse(); err != nil {
			return err
		}
	}
	if p.root.isStruct {
		return errors.New("it declares this as a struct, which is no message")
	}
	if root, ok := p.schema.one(schemaRoot); ok && root.text(objectName) == name {
		p.identifier = p.schema.text(schemaIdentifier)
		if n := len(p.identifier); n != 0 && n != identifierSize {
			return fmt.Errorf("its file identifier has %d bytes, not %d", n, identifierSize)
		}
	}
	return p.checkAll()
}

// object returns the object with an index in the schema, which is parsed later.
func (p *parser) object(i int) (*object, error) {
	if o, ok := p.objects[i]; ok {
		return o, nil
	}
	if i < 0 || i >= p.schema.count(schemaObjects) {
		return nil, fmt.Errorf("it refers to object %d of %d", i, p.schema.count(schemaObjects))
	}
	r := p.schema.item(schemaObjects, i)
	o := &object{
		name: r.text(objectName), isStruct: r.GetBoolSlot(objectIsStruct, false),
		size: int(r.GetInt32Slot(objectSize, 0)), align: int(r.GetInt32Slot(objectAlign, 0)),
		lastRequired: -1,
	}
	p.objects[i] = o
	p.allObjects = append(p.allObjects, o)
	p.next = append(p.next, func() error {
		if err := p.fields(o, r); err != nil {
			return fmt.Errorf("%s: %w", o.name, err)
		}
		return nil
	})
	return o, nil
}

func (p *parser) count(n int) error {
	if p.elements += n + 1; p.elements > maxElements {
		return fmt.Errorf("it has more than %d objects, fields, enums and values", maxElements)
	}
	return nil
}

func (p *parser) fields(o *object, r reflected) error {
	n := r.count(objectFields)
	if err := p.count(n); err != nil {
		return err
	}
	o.fields = make([]field, n)
	o.byName = make(map[string]int, n)
	for i := range n {
		f := r.item(objectFields, i)
		typ, err := p.typeOf(f, fieldType)
		if err == nil && f.GetBoolSlot(fieldOffset64, false) {
			err = errors.New("offsets of 64 bits are not supported")
		}
		if err != nil {
			return fmt.Errorf("%s: %w", f.text(fieldName), err)
		}
		o.fields[i] = field{
			name: f.text(fieldName), typ: typ,
			id: int(f.GetUint16Slot(fieldID, 0)), offset: int(f.GetUint16Slot(fieldOffset, 0)),
			defaultInt: f.GetInt64Slot(fieldDefaultInt, 0), defaultReal: f.GetFloat64Slot(fieldDefaultReal, 0),
			deprecated: f.GetBoolSlot(fieldDeprecated, false), required: f.GetBoolSlot(fieldRequired, false),
			optional: f.GetBoolSlot(fieldOptional, false) && typ.base.scalar(),
		}
	}
	slices.SortFunc(o.fields, func(a, b field) int { return cmp.Compare(a.id, b.id) })
	for i := range o.fields {
		o.byName[o.fields[i].name] = i
		if o.fields[i].required {
			o.lastRequired = i
		}
	}
	if len(o.byName) != n {
		return errors.New("two fields have one name")
	}
	return nil
}

// typeOf returns the type in a slot of a table.
func (p *parser) typeOf(r reflected, slot flatbuffers.VOffsetT) (t valueType, err error) {
	typ, ok := r.one(slot)
	if !ok {
		return t, nil
	}
	t = valueType{
		base: baseType(typ.GetByteSlot(typeBase, 0)), elem: baseType(typ.GetByteSlot(typeElem, 0)),
		length: int(typ.GetUint16Slot(typeLength, 0)),
	}
	single := t.base
	if t.base == typeVector || t.base == typeArray {
		single = t.elem
		if single == typeVector || single == typeArray {
			return t, errors.New("a vector of vectors is not possible")
		}
	}
	index := int(typ.GetInt32Slot(typeIndex, -1))
	switch {
	case t.base > typeArray || single == typeNone && t.base != typeNone || single > typeArray:
		return t, fmt.Errorf("%v of %v is not supported", t.base, t.elem)
	case single == typeObject:
		t.object, err = p.object(index)
	case single == typeUnion || single == typeUType || single.scalar() && index != -1:
		t.enum, err = p.enum(index)
	}
	return t, err
}

// enum returns the enum with an index in the schema, which is parsed later.
func (p *parser) enum(i int) (*enum, error) {
	if e, ok := p.enums[i]; ok {
		return e, nil
	}
	if i < 0 || i >= p.schema.count(schemaEnums) {
		return nil, fmt.Errorf("it refers to enum %d of %d", i, p.schema.count(schemaEnums))
	}
	r := p.schema.item(schemaEnums, i)
	e := &enum{name: r.text(enumName), union: r.GetBoolSlot(enumIsUnion, false)}
	p.enums[i] = e
	p.allEnums = append(p.allEnums, e)
	p.next = append(p.next, func() error {
		if err := p.values(e, r); err != nil {
			return fmt.Errorf("%s: %w", e.name, err)
		}
		return nil
	})
	return e, nil
}

func (p *parser) values(e *enum, r reflected) error {
	n, attributes := r.count(enumValues), r.count(enumAttributes)
	if err := p.count(n + attributes); err != nil {
		return err
	}
	underlying, _ := r.one(enumUnderlying) // which is required
	e.base = baseType(underlying.GetByteSlot(typeBase, 0))
	for i := range attributes {
		e.flags = e.flags || r.item(enumAttributes, i).text(attributeKey) == "bit_flags"
	}
	e.values = make([]enumValue, n)
	e.byValue, e.byName = make(map[int64]int, n), make(map[string]int, n)
	for i := range n {
		v := r.item(enumValues, i)
		typ := valueType{}
		if e.union {
			var err error
			if typ, err = p.typeOf(v, valueUnionType); err != nil {
				return fmt.Errorf("%s: %w", v.text(valueName), err)
			}
		}
		e.values[i] = enumValue{name: v.text(valueName), value: v.GetInt64Slot(valueNumber, 0), typ: typ}
		e.byValue[e.values[i].value], e.byName[e.values[i].name] = i, i
	}
	if len(e.byValue) != n || len(e.byName) != n {
		return errors.New("two values have one name or number")
	}
	return nil
}
