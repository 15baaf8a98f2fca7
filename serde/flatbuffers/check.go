package flatbuffers

import (
	"errors"
	"fmt"
)

// Limits of structs, in bytes. A table has at most 64 KiB beside its vectors, tables and strings.
const (
	maxAlign  = 32
	maxStruct = 1 << 16
)

var errStructs = fmt.Errorf("structs are nested more than %d deep", maxDepth)

// checkAll checks what the verifier and the other users of a schema rely on.
func (p *parser) checkAll() error {
	for _, e := range p.allEnums {
		if err := e.check(); err != nil {
			return fmt.Errorf("%s: %w", e.name, err)
		}
	}
	depths := map[*object]int{}
	for _, o := range p.allObjects {
		check := o.checkTable
		if o.isStruct {
			check = func() error { return o.checkStruct(depths, 1) }
		}
		if err := check(); err != nil {
			return fmt.Errorf("%s: %w", o.name, err)
		}
	}
	return nil
}

func (e *enum) check() error {
	switch {
	case e.union && e.base != typeUType:
		return fmt.Errorf("it is a union of underlying type %v", e.base)
	case !e.union && (!e.base.scalar() || e.base.float() || e.base == typeUType):
		return fmt.Errorf("it is an enum of underlying type %v", e.base)
	}
	for _, v := range e.values {
		switch {
		case !e.union:
		case v.value < 0 || v.value > 255:
			return fmt.Errorf("the union has a type %d", v.value)
		case v.typ.base != typeNone && v.typ.base != typeString && v.typ.base != typeObject:
			return fmt.Errorf("the union has a value of type %v", v.typ.base)
		case (v.value == 0) != (v.typ.base == typeNone):
			return errors.New("type 0 of a union has a value, or another type has none")
		}
	}
	return nil
}

// checkEnum checks that names belong to integers, and unions to unions.
func (t *valueType) checkEnum() error {
	single := t.base
	if t.base == typeVector || t.base == typeArray {
		single = t.elem
	}
	switch {
	case t.enum == nil:
	case t.enum.union != (single == typeUnion || single == typeUType):
		return fmt.Errorf("%v does not fit %s", single, t.enum.name)
	case !t.enum.union && single != t.enum.base:
		return fmt.Errorf("%v is not %v, the underlying type of %s", single, t.enum.base, t.enum.name)
	}
	return nil
}

func (o *object) checkTable() error {
	for i := range o.fields {
		f := &o.fields[i]
		switch {
		case i > 0 && o.fields[i-1].id == f.id:
			return fmt.Errorf("two fields have id %d", f.id)
		case f.offset != 4+2*f.id || f.offset > 1<<16-2:
			return fmt.Errorf("%s has id %d and offset %d", f.name, f.id, f.offset)
		case f.typ.base == typeNone || f.typ.base == typeArray:
			return fmt.Errorf("%s is of type %v, which is not possible in a table", f.name, f.typ.base)
		}
		if err := f.typ.checkEnum(); err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
		vector := f.typ.base == typeVector && f.typ.elem == typeUnion
		if f.typ.base != typeUnion && !vector {
			continue
		}
		fits := i > 0 && o.fields[i-1].id == f.id-1 && o.fields[i-1].typ.enum == f.typ.enum
		if fits {
			before := o.fields[i-1].typ
			fits = before.base == typeUType && !vector || before.base == typeVector && before.elem == typeUType && vector
		}
		if !fits {
			return fmt.Errorf("%s is a union without a field of its type before it", f.name)
		}
	}
	return nil
}

// checkStruct checks a struct and returns an error also if structs contain themselves or nest too deep. depths holds the depth of each
// struct that was checked, 0 while it is being checked. The struct is the level-th from the outermost.
func (o *object) checkStruct(depths map[*object]int, level int) error {
	if level > maxDepth {
		return errStructs
	}
	if d, ok := depths[o]; ok {
		if d == 0 {
			return errors.New("the struct contains itself")
		}
		return nil
	}
	depths[o] = 0
	depth, end := 1, 0
	switch {
	case o.size < 1 || o.size > maxStruct || o.align < 1 || o.align > maxAlign || o.align&(o.align-1) != 0 || o.size%o.align != 0:
		return fmt.Errorf("a struct of %d bytes cannot have the alignment %d", o.size, o.align)
	case len(o.fields) == 0:
		return errors.New("the struct has no fields")
	}
	for i := range o.fields {
		f := &o.fields[i]
		elem := f.typ
		if f.typ.base == typeArray {
			elem = f.typ.element()
		}
		switch {
		case f.required || f.optional || f.typ.base == typeArray && f.typ.length == 0:
			return fmt.Errorf("%s is not possible in a struct", f.name)
		case elem.base == typeObject && elem.object.isStruct:
			if err := elem.object.checkStruct(depths, level+1); err != nil {
				return fmt.Errorf("%s: %w", f.name, err)
			}
			depth = max(depth, 1+depths[elem.object])
		case !elem.base.scalar():
			return fmt.Errorf("%s is of type %v, which is not possible in a struct", f.name, &f.typ)
		}
		if err := f.typ.checkEnum(); err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
		if f.offset < end || f.typ.inline() > o.size-f.offset {
			return fmt.Errorf("%s does not fit into the struct", f.name)
		}
		if f.offset%f.typ.align() != 0 || f.typ.align() > o.align {
			return fmt.Errorf("%s is not aligned", f.name)
		}
		end = f.offset + f.typ.inline()
	}
	if depth > maxDepth {
		return errStructs
	}
	depths[o] = depth
	return nil
}
