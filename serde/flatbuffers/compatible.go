package flatbuffers

import (
	"fmt"

	"github.com/shmbus/shmbus/serde"
)

// Compatible reports whether payloads of type a can be read as type b, and the other way round. It returns nil if the names of
// the root tables are equal and, in the tables that the root can contain:
//
//   - each id that both schemas have stands for the same type, the same default value, and both or neither are required or optional
//   - a field that one schema lacks is not required in the other
//   - structs have the same size, and the same types at the same offsets
//   - a number that both schemas have for a type of a union stands for the same type
//
// Names of fields, enums and their values, and whether a field is deprecated, are not compared, because payloads have only numbers.
// Equal schemas are compatible. The error names the first field that differs.
func Compatible(a, b serde.Type) error {
	if a.Name != b.Name {
		return fmt.Errorf("the table %s is not %s", b.Name, a.Name)
	}
	sa, err := ParseSchema(a)
	if err != nil {
		return err
	}
	sb, err := ParseSchema(b)
	if err != nil {
		return err
	}
	if sa.identifier != sb.identifier {
		return fmt.Errorf("the file identifiers of %s are %q and %q", a.Name, sa.identifier, sb.identifier)
	}
	c := comparison{compared: map[[2]any]bool{}}
	c.add(sa.root, sb.root)
	for len(c.next) > 0 {
		last := len(c.next) - 1
		compare := c.next[last]
		c.next = c.next[:last]
		if err := compare(); err != nil {
			return err
		}
	}
	return nil
}

// A comparison compares the objects and unions of two schemas, each pair once.
type comparison struct {
	compared map[[2]any]bool
	next     []func() error
}

// begin reports whether a pair of objects or unions was not compared yet.
func (c *comparison) begin(a, b any) bool {
	pair := [2]any{a, b}
	if c.compared[pair] {
		return false
	}
	c.compared[pair] = true
	return true
}

func (c *comparison) add(a, b *object) {
	if !c.begin(a, b) {
		return
	}
	c.next = append(c.next, func() error {
		if len(c.compared) > maxElements {
			return fmt.Errorf("the schemas of %s have too many tables to compare", a.name)
		}
		if a.isStruct {
			return c.structs(a, b)
		}
		return c.tables(a, b)
	})
}

func (c *comparison) tables(a, b *object) error {
	i, j := 0, 0
	for i < len(a.fields) || j < len(b.fields) {
		switch {
		case j == len(b.fields) || i < len(a.fields) && a.fields[i].id < b.fields[j].id:
			if err := lacks(a, &a.fields[i]); err != nil {
				return err
			}
			i++
		case i == len(a.fields) || b.fields[j].id < a.fields[i].id:
			if err := lacks(b, &b.fields[j]); err != nil {
				return err
			}
			j++
		default:
			if err := c.fields(a, &a.fields[i], &b.fields[j]); err != nil {
				return err
			}
			i++
			j++
		}
	}
	return nil
}

// lacks returns an error if the other schema must have a field.
func lacks(o *object, f *field) error {
	if !f.required {
		return nil
	}
	return fmt.Errorf("field %d of %s, %q, is required, and the other schema lacks it", f.id, o.name, f.name)
}

// fields compares two fields of one id.
func (c *comparison) fields(o *object, a, b *field) error {
	differ := func(x, y any) error {
		return fmt.Errorf("field %d of %s is %q, %v, in one schema and %q, %v, in the other", a.id, o.name, a.name, x, b.name, y)
	}
	presence := func(f *field) string {
		switch {
		case f.required:
			return "required"
		case f.optional:
			return "optional"
		}
		return "neither required nor optional"
	}
	switch {
	case !c.same(&a.typ, &b.typ):
		return differ(&a.typ, &b.typ)
	case presence(a) != presence(b):
		return differ(presence(a), presence(b))
	case a.typ.base.float() && a.defaultBits() != b.defaultBits():
		return differ(fmt.Sprint("default ", a.defaultReal), fmt.Sprint("default ", b.defaultReal))
	case a.typ.base.scalar() && a.defaultBits() != b.defaultBits():
		return differ(fmt.Sprint("default ", a.defaultInt), fmt.Sprint("default ", b.defaultInt))
	}
	if a.typ.enum != nil && b.typ.enum != nil && a.typ.enum.union {
		return c.unions(a.typ.enum, b.typ.enum)
	}
	return nil
}

// same compares two types. Objects in them are compared later.
func (c *comparison) same(a, b *valueType) bool {
	if a.base != b.base || a.elem != b.elem || a.length != b.length || (a.object == nil) != (b.object == nil) {
		return false
	}
	if a.object == nil {
		return true
	}
	if a.object.isStruct != b.object.isStruct {
		return false
	}
	c.add(a.object, b.object)
	return true
}

func (c *comparison) structs(a, b *object) error {
	if a.size != b.size || a.align != b.align || len(a.fields) != len(b.fields) {
		return fmt.Errorf("struct %s has %d fields and %d bytes in one schema, and %d fields and %d bytes in the other",
			a.name, len(a.fields), a.size, len(b.fields), b.size)
	}
	for i := range a.fields {
		fa, fb := &a.fields[i], &b.fields[i]
		if fa.offset != fb.offset || !c.same(&fa.typ, &fb.typ) {
			return fmt.Errorf("field %d of struct %s is %q, %v at byte %d, in one schema and %q, %v at byte %d, in the other",
				i, a.name, fa.name, &fa.typ, fa.offset, fb.name, &fb.typ, fb.offset)
		}
	}
	return nil
}

func (c *comparison) unions(a, b *enum) error {
	if !c.begin(a, b) {
		return nil
	}
	for i := range a.values {
		va := &a.values[i]
		vb, ok := b.value(va.value)
		if ok && !c.same(&va.typ, &vb.typ) {
			return fmt.Errorf("type %d of union %s is %q, %v, in one schema and %q, %v, in the other",
				va.value, a.name, va.name, &va.typ, vb.name, &vb.typ)
		}
	}
	return nil
}
