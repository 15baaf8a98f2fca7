package cdr

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"
)

const maxMatched = 1 << 16

// A compiler makes programs from a schema and the Go type that matches it.
type compiler struct {
	bodies map[bodyKey]*program
	fields int
	above  string // path of the array whose elements are compiled
}

// full is a path for errors. Paths in a program begin at the element of its array.
func (c *compiler) full(path string) string { return inside(c.above, path) }

// A bodyKey names the program of the elements of an array.
type bodyKey struct {
	kind    kind
	bound   int
	message *message
	goType  reflect.Type
	aligned bool // made for elements that begin aligned
}

func compile(s *schema, t reflect.Type) (*program, error) {
	if t.Kind() != reflect.Struct {
		return nil, fmt.Errorf("%s is no struct", t)
	}
	c := compiler{bodies: map[bodyKey]*program{}}
	p := &program{size: t.Size()}
	return p, c.message(p, &place{8, 0}, s.root, t, 0, "")
}

func (c *compiler) message(p *program, at *place, m *message, t reflect.Type, off uintptr, path string) error {
	fields, err := match(m, t, c.full(path))
	if err != nil {
		return err
	}
	if len(m.fields) == 0 {
		at.advance(1, 1)
		p.min++
		p.ops = append(p.ops, op{kind: opEmpty, path: path})
	}
	for i := range m.fields {
		if c.fields++; c.fields > maxMatched {
			return errors.New("the Go type has too many fields")
		}
		if err := c.field(p, at, &m.fields[i], fields[i].Type, off+fields[i].Offset, inside(path, m.fields[i].name)); err != nil {
			return err
		}
	}
	return nil
}

// inside is the path of a field of the message at path.
func inside(path, name string) string {
	if path == "" || name == "" {
		return path + name
	}
	return path + "." + name
}

// match returns the field of t for each field of m.
func match(m *message, t reflect.Type, path string) ([]reflect.StructField, error) {
	tagged, named := map[string]reflect.StructField{}, map[string]reflect.StructField{}
	unused := map[string]bool{}
	for i := range t.NumField() {
		f := t.Field(i)
		tag := f.Tag.Get("ros")
		switch {
		case tag == "-" || tag == "" && !f.IsExported():
			continue
		case !f.IsExported():
			return nil, fmt.Errorf("field %s of %s has a tag and is not exported", f.Name, t)
		case tag != "":
			if _, twice := tagged[tag]; twice {
				return nil, fmt.Errorf("%s has two fields with the tag %q", t, tag)
			}
			tagged[tag] = f
		default:
			if first, twice := named[folded(f.Name)]; twice {
				return nil, fmt.Errorf("fields %s and %s of %s match the same names: tag them", first.Name, f.Name, t)
			}
			named[folded(f.Name)] = f
		}
		unused[f.Name] = true
	}
	fields := make([]reflect.StructField, len(m.fields))
	for i := range m.fields {
		name := m.fields[i].name
		f, ok := tagged[name]
		if !ok {
			f, ok = named[folded(name)]
		}
		if !ok || !unused[f.Name] {
			return nil, fmt.Errorf("%s: %s of the schema has no field of its own in %s", inside(path, name), m.fields[i].typ, t)
		}
		delete(unused, f.Name)
		fields[i] = f
	}
	for i := range t.NumField() {
		if f := t.Field(i); unused[f.Name] {
			return nil, fmt.Errorf("field %s of %s has type %s, and %s no such field (a tag `ros:\"-\"` leaves it out)", f.Name, t, f.Type, m.name)
		}
	}
	return fields, nil
}

// folded is what the names frame_id and FrameID have in common.
func folded(name string) string { return strings.ToLower(strings.ReplaceAll(name, "_", "")) }

func mismatch(f *field, t reflect.Type, path string) error {
	return fmt.Errorf("%s: %s in the schema does not match %s in Go", path, f.typ, t)
}

func (c *compiler) field(p *program, at *place, f *field, t reflect.Type, off uintptr, path string) error {
	switch f.shape {
	case fixed:
		if t.Kind() != reflect.Array || t.Len() != f.count {
			return mismatch(f, t, c.full(path))
		}
		return c.array(p, at, f, t, off, path)
	case sequence:
		if t.Kind() != reflect.Slice {
			return mismatch(f, t, c.full(path))
		}
		return c.sequence(p, at, f, t, off, path)
	}
	return c.value(p, at, f, t, off, path)
}

// value adds one value of the type of f, without its array.
func (c *compiler) value(p *program, at *place, f *field, t reflect.Type, off uintptr, path string) error {
	switch {
	case f.kind == kindMessage && f.message.name == timeName && t == reflect.TypeFor[time.Time](),
		f.kind == kindMessage && f.message.name == durationName && t == reflect.TypeFor[time.Duration]():
		kind := opTime
		if f.message.name == durationName {
			kind = opDuration
		}
		at.advance(4, 8)
		p.min += 8
		p.ops = append(p.ops, op{kind: kind, off: off, path: path})
	case f.kind == kindMessage && t.Kind() == reflect.Struct:
		return c.message(p, at, f.message, t, off, path)
	case (f.kind == kindString || f.kind == kindWideString) && t.Kind() == reflect.String:
		kind := opText
		if f.kind == kindWideString {
			kind = opWideText
		}
		*at = place{1, 0}
		p.min += 4
		p.ops = append(p.ops, op{kind: kind, off: off, bound: f.textBound, path: path})
	case f.kind.width() > 0 && t.Kind() == f.kind.goKind():
		p.block(at, off, part{width: f.kind.width(), n: 1, bool: f.kind == kindBool, path: path})
	default:
		return mismatch(f, t, c.full(path))
	}
	return nil
}

func (k kind) goKind() reflect.Kind {
	switch k {
	case kindBool:
		return reflect.Bool
	case kindInt8:
		return reflect.Int8
	case kindUint8:
		return reflect.Uint8
	case kindInt16:
		return reflect.Int16
	case kindUint16:
		return reflect.Uint16
	case kindInt32:
		return reflect.Int32
	case kindUint32:
		return reflect.Uint32
	case kindInt64:
		return reflect.Int64
	case kindUint64:
		return reflect.Uint64
	case kindFloat32:
		return reflect.Float32
	case kindFloat64:
		return reflect.Float64
	}
	return reflect.Invalid
}

func (c *compiler) array(p *program, at *place, f *field, t reflect.Type, off uintptr, path string) error {
	body, err := c.body(f, t.Elem(), path)
	if err != nil {
		return err
	}
	if body.isBlock() {
		o := body.ops[0]
		if all, ok := uniform(o.parts); ok {
			all.n, all.path = all.n*f.count, path
			p.block(at, off, all)
			return nil
		}
		o.off, o.array, o.count, o.path = off, true, f.count, path
		o.size *= uintptr(f.count)
		at.advance(o.align, int(o.size))
		p.min += int(o.size)
		p.ops = append(p.ops, o)
		return nil
	}
	*at = place{1, 0}
	p.min += body.min * f.count
	p.ops = append(p.ops, op{kind: opArray, off: off, size: body.size, count: f.count, body: body, path: path})
	return nil
}

func (c *compiler) sequence(p *program, at *place, f *field, t reflect.Type, off uintptr, path string) error {
	body, err := c.body(f, t.Elem(), path)
	if err != nil {
		return err
	}
	p.min += 4
	if body.isBlock() {
		o := body.ops[0]
		o.kind, o.off, o.bound, o.path = opBlocks, off, f.count, path
		at.advance(4, 4)
		size := int(o.size) & -int(o.size) // the largest power of two that divides the size
		*at = place{min(4, size), 0}
		p.ops = append(p.ops, o)
		return nil
	}
	*at = place{1, 0}
	p.ops = append(p.ops, op{kind: opSequence, off: off, size: body.size, bound: f.count, body: body, slice: reflect.SliceOf(t.Elem()), path: path})
	return nil
}

// body returns the program of the elements of an array. It assumes that they begin aligned if that makes them blocks.
func (c *compiler) body(f *field, t reflect.Type, path string) (*program, error) {
	element := f.element()
	for _, aligned := range []bool{true, false} {
		key := bodyKey{f.kind, f.textBound, f.message, t, aligned}
		p := c.bodies[key]
		if p == nil {
			at := place{1, 0}
			if aligned {
				at.mod = element.firstAlign()
			}
			p = &program{size: t.Size()}
			above := c.above
			c.above = c.full(path) + "[]"
			if err := c.value(p, &at, element, t, 0, ""); err != nil {
				return nil, err
			}
			c.above = above
			c.bodies[key] = p
		}
		if p.isBlock() || !aligned {
			return p, nil
		}
	}
	panic("not reached")
}

// firstAlign is the alignment at which a value of the type begins.
func (f *field) firstAlign() int {
	switch {
	case f.shape == sequence || f.kind == kindString || f.kind == kindWideString:
		return 4
	case f.kind != kindMessage:
		return f.kind.width()
	case len(f.message.fields) == 0:
		return 1
	}
	return f.message.fields[0].firstAlign()
}
