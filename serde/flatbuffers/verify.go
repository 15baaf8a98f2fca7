package flatbuffers

import (
	"encoding/binary"
	"fmt"
)

// A verifier checks that everything in a payload that accessors of its schema may read lies within the payload. It reads each number
// once for each visit, and checks it before it uses it, so that it is safe also on bytes that change.
type verifier struct {
	buf   []byte
	steps int64 // that are left
}

// verify checks a payload whose root is of type o.
func verify(o *object, payload []byte) error {
	v := verifier{buf: payload, steps: maxSteps(len(payload))}
	f := v.root(o)
	if f == nil { // a nil *fault is no nil error
		return nil
	}
	return f
}

func (v *verifier) root(o *object) *fault {
	if len(v.buf) > maxSize {
		return &fault{err: fmt.Errorf("the payload has %d bytes, more than %d", len(v.buf), maxSize)}
	}
	at, f := v.indirect(0)
	if f != nil {
		return f
	}
	return v.table(o, at, 1)
}

// has reports whether n bytes are at an offset.
func (v *verifier) has(at int, n int64) bool {
	return at >= 0 && at <= len(v.buf) && n <= int64(len(v.buf)-at)
}

// indirect returns where the offset that is stored at a byte leads: to at least 4 bytes.
func (v *verifier) indirect(at int) (int, *fault) {
	if !v.has(at, 4) {
		return 0, &fault{offset: at, err: errBounds}
	}
	off := int64(binary.LittleEndian.Uint32(v.buf[at:]))
	to := int64(at) + off
	switch {
	case off == 0:
		return 0, &fault{offset: at, err: errNullOffset}
	case to > int64(len(v.buf))-4:
		return 0, &fault{offset: at, err: errBounds}
	}
	return int(to), nil
}

// fields returns where the offsets of a table's fields are and end.
func (v *verifier) fields(at int) (vtable, size int, f *fault) {
	if !v.has(at, 4) {
		return 0, 0, &fault{offset: at, err: errBounds}
	}
	start := int64(at) - int64(int32(binary.LittleEndian.Uint32(v.buf[at:])))
	if start < 0 || start > int64(len(v.buf))-4 {
		return 0, 0, &fault{offset: at, err: errVTable}
	}
	vtable = int(start)
	size = int(binary.LittleEndian.Uint16(v.buf[vtable:]))
	inline := int(binary.LittleEndian.Uint16(v.buf[vtable+2:]))
	if size < 4 || size%2 != 0 || !v.has(vtable, int64(size)) || inline < 4 || !v.has(at, int64(inline)) {
		return 0, 0, &fault{offset: vtable, err: errVTable}
	}
	return vtable, size, nil
}

// spend counts n visits.
func (v *verifier) spend(at, n int) *fault {
	if v.steps -= int64(n); v.steps < 0 {
		return &fault{offset: at, err: errSteps}
	}
	return nil
}

// table checks a table of type o at an offset, the depth-th from the root.
func (v *verifier) table(o *object, at, depth int) *fault {
	if depth > maxDepth {
		return &fault{offset: at, err: errDepth}
	}
	vtable, size, f := v.fields(at)
	if f != nil {
		return f
	}
	if f := v.spend(at, 1+min(len(o.fields), size/2)); f != nil {
		return f
	}
	unionType := 0 // where the value of the field before is stored, 0 if it is absent
	for i := range o.fields {
		fd := &o.fields[i]
		off := 0
		if fd.offset+2 <= size {
			off = int(binary.LittleEndian.Uint16(v.buf[vtable+fd.offset:]))
		}
		switch {
		case off != 0:
			if f := v.value(&fd.typ, at+off, unionType, depth); f != nil {
				return f.in(fd.name)
			}
			unionType = at + off
			continue
		case fd.required:
			f := &fault{offset: at, err: errRequired}
			return f.in(fd.name)
		case fd.offset+2 > size && !o.requires(i):
			return nil
		}
		unionType = 0
	}
	return nil
}

// requires reports whether the field with an index or one behind it is required.
func (o *object) requires(i int) bool { return i <= o.lastRequired }

// value checks a value whose inline bytes are at an offset. The type of a union is at unionType.
func (v *verifier) value(t *valueType, at, unionType, depth int) *fault {
	if !v.has(at, int64(t.inline())) {
		return &fault{offset: at, err: errBounds}
	}
	switch {
	case t.base == typeString:
		return v.string(at)
	case t.base == typeVector:
		return v.vector(t, at, unionType, depth)
	case t.base == typeUnion:
		code := byte(0)
		if unionType != 0 {
			code = v.buf[unionType]
		}
		return v.union(t.enum, code, at, depth)
	case t.base == typeObject && !t.object.isStruct:
		to, f := v.indirect(at)
		if f != nil {
			return f
		}
		return v.table(t.object, to, depth+1)
	}
	return nil
}

// string checks a string whose offset is at a byte.
func (v *verifier) string(at int) *fault {
	to, f := v.indirect(at)
	if f != nil {
		return f
	}
	n := int64(binary.LittleEndian.Uint32(v.buf[to:]))
	switch {
	case !v.has(to+4, n+1):
		return &fault{offset: to, err: errBounds}
	case v.buf[to+4+int(n)] != 0:
		return &fault{offset: to + 4 + int(n), err: errNoEnd}
	}
	return nil
}

// union checks the value of a union whose offset is at a byte. Types that the schema lacks may be of a newer one.
func (v *verifier) union(e *enum, code byte, at, depth int) *fault {
	to, f := v.indirect(at)
	if f != nil {
		return f
	}
	known, ok := e.value(int64(code))
	switch {
	case !ok || known.typ.base == typeNone:
		return nil
	case known.typ.base == typeString:
		return v.string(at)
	case known.typ.object.isStruct:
		if !v.has(to, int64(known.typ.object.size)) {
			return &fault{offset: to, err: errBounds}
		}
		return nil
	}
	return v.table(known.typ.object, to, depth+1)
}

// elements returns where the elements of a vector begin whose offset is at a byte, and their number. One element has size bytes.
func (v *verifier) elements(at, size int) (first, n int, f *fault) {
	to, f := v.indirect(at)
	if f != nil {
		return 0, 0, f
	}
	count := int64(binary.LittleEndian.Uint32(v.buf[to:]))
	if !v.has(to+4, count*int64(size)) {
		return 0, 0, &fault{offset: to, err: errBounds}
	}
	return to + 4, int(count), nil
}

// vector checks a vector whose offset is at a byte.
func (v *verifier) vector(t *valueType, at, types, depth int) *fault {
	elem := t.element()
	size := elem.inline()
	first, n, f := v.elements(at, size)
	if f != nil || elem.base.scalar() || elem.base == typeObject && elem.object.isStruct {
		return f
	}
	if f := v.spend(first, n); f != nil {
		return f
	}
	firstType := 0
	if elem.base == typeUnion && n > 0 {
		var count int
		if types != 0 {
			if firstType, count, f = v.elements(types, 1); f != nil {
				return f
			}
		}
		if count != n {
			return &fault{offset: first, err: errUnionCount}
		}
	}
	for i := range n {
		unionType := 0
		if firstType != 0 {
			unionType = firstType + i
		}
		if f := v.value(&elem, first+i*size, unionType, depth); f != nil {
			return f.in(fmt.Sprintf("[%d]", i))
		}
	}
	return nil
}
