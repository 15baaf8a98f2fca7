package plain

import (
	"fmt"
	"reflect"
	"structs"
)

// A TypeError says why values of a type cannot be plain.
type TypeError struct {
	Type   string // the type given
	Field  string // the place in it, such as ".Points[].X"; empty for the type itself
	Reason string // what is wrong there, and the remedy
}

func (e *TypeError) Error() string {
	if e.Field == "" {
		return fmt.Sprintf("type %s cannot be plain: %s", e.Type, e.Reason)
	}
	return fmt.Sprintf("type %s cannot be plain: %s: %s", e.Type, e.Field, e.Reason)
}

// An Enum is an integer type of limited range. Its values are 0 to EnumMax, which is called for the zero value, once for each field
// that has the type. A codec refuses all others.
type Enum interface{ EnumMax() uint64 }

// layoutOf returns the layout of values of t. Its error is a *TypeError.
func layoutOf(t reflect.Type) (*layout, error) {
	w := walk{t: t}
	return w.layout(t, "", 0)
}

// A walk makes the layout of one type.
type walk struct {
	t      reflect.Type
	fields int
}

func (w *walk) wrong(at, format string, args ...any) error {
	return &TypeError{Type: w.t.String(), Field: at, Reason: fmt.Sprintf(format, args...)}
}

func (w *walk) layout(t reflect.Type, at string, depth int) (l *layout, err error) {
	switch kind := t.Kind(); kind {
	case reflect.Struct, reflect.Array:
		switch {
		case depth == maxDepth:
			return nil, w.wrong(at, "arrays and structs are nested deeper than %d", maxDepth)
		case kind == reflect.Struct:
			l, err = w.structure(t, at, depth)
		default:
			l, err = w.array(t, at, depth)
		}
		if err != nil {
			return nil, err
		}
	case reflect.Int, reflect.Uint, reflect.Uintptr:
		return nil, w.wrong(at, "the size of %v differs between processors; use a type of fixed size such as int64", kind)
	case reflect.String:
		return nil, w.wrong(at, "a string is a pointer; use an array of bytes")
	case reflect.Slice:
		return nil, w.wrong(at, "a slice is a pointer; use an array, or NewSlice for elements after a header")
	case reflect.Complex64, reflect.Complex128:
		return nil, w.wrong(at, "complex numbers have no form in the schema; use an array of two floating-point numbers")
	default:
		var ok bool
		if l, ok = scalar(kind.String()); !ok {
			return nil, w.wrong(at, "values of kind %v hold pointers, which mean nothing in other processes", kind)
		}
		l.goBool = kind == reflect.Bool
		if t == reflect.TypeFor[Bool]() {
			l, _ = scalar(kindBool)
		}
		if e, ok := reflect.New(t).Interface().(Enum); ok {
			if err := l.limit(e.EnumMax()); err != nil {
				return nil, w.wrong(at, "%v", err)
			}
		}
	}
	if uintptr(l.size) != t.Size() {
		return nil, w.wrong(at, "the compiler gives it %d bytes, not %d", t.Size(), l.size)
	}
	return l, nil
}

func (w *walk) array(t reflect.Type, at string, depth int) (*layout, error) {
	elem, err := w.layout(t.Elem(), at+"[]", depth+1)
	if err != nil {
		return nil, err
	}
	if elem.size == 0 {
		return nil, w.wrong(at, "the elements have no bytes")
	}
	l, err := array(elem, t.Len())
	if err != nil {
		return nil, w.wrong(at, "%v", err)
	}
	return l, nil
}

func (w *walk) structure(t reflect.Type, at string, depth int) (*layout, error) {
	l := &layout{kind: kindStruct, align: 1}
	marked := false
	for i := range t.NumField() {
		f := t.Field(i)
		name := at + "." + f.Name
		if f.Type == reflect.TypeFor[structs.HostLayout]() {
			if i > 0 {
				return nil, w.wrong(name, "structs.HostLayout must be the first field")
			}
			marked = true
			continue
		}
		if w.fields++; w.fields > maxFields {
			return nil, w.wrong(name, "there are more than %d fields", maxFields)
		}
		part, err := w.layout(f.Type, name, depth+1)
		switch {
		case err != nil:
			return nil, err
		case part.size == 0:
			return nil, w.wrong(name, "it has no bytes; leave it out")
		}
		if err := l.add(f.Name, part); err != nil {
			return nil, w.wrong(name, "%v", err)
		}
		if off := l.fields[len(l.fields)-1].offset; uintptr(off) != f.Offset {
			return nil, w.wrong(name, "the compiler places it at byte %d, not %d", f.Offset, off)
		}
	}
	if t.NumField() > 0 && !marked {
		return nil, w.wrong(at, "the compiler may order the fields of %v as it likes; declare `_ structs.HostLayout` as its first field", t)
	}
	if err := l.end(); err != nil {
		return nil, w.wrong(at, "%v %v", t, err)
	}
	return l, nil
}
