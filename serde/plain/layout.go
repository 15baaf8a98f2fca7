package plain

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// Limits of types and of schemas.
const (
	maxDepth  = 32      // arrays and structs within each other
	maxFields = 4096    // fields of all structs of a type together; an array's element counts once
	maxSize   = 1 << 30 // bytes of a value of fixed size
	maxAlign  = 8       // bytes: alignment of the largest number
)

const (
	kindBool   = "bool"
	kindArray  = "array"
	kindStruct = "struct"
)

// numbers has the bytes of each kind of number.
var numbers = map[string]int{
	"int8": 1, "int16": 2, "int32": 4, "int64": 8,
	"uint8": 1, "uint16": 2, "uint32": 4, "uint64": 8,
	"float32": 4, "float64": 8,
}

// A layout describes the bytes of a value. Each number lies at a multiple of its size, on every processor.
type layout struct {
	kind   string // bool, array, struct, or one of numbers
	size   int    // bytes
	align  int    // bytes
	enum   bool   // an integer of limited range
	max    uint64 // of an enum: the largest value; the smallest is 0
	fields []field
	elem   *layout // of an array
	length int

	checked bool // has bools or enums, of which some bytes are no value
	padded  bool // has padding
	goBool  bool // has a bool of Go, which must never be read while its byte is neither 0 nor 1
}

// A field is one of a struct. Padding has the name "_".
type field struct {
	name   string
	key    string // of a member in JSON: the quoted name and a colon
	offset int    // bytes from the beginning of the struct
	layout *layout
}

func (f field) padding() bool { return f.name == "_" }

// scalar returns the layout of a bool or number.
func scalar(kind string) (*layout, bool) {
	if kind == kindBool {
		return &layout{kind: kind, size: 1, align: 1, checked: true}, true
	}
	size, ok := numbers[kind]
	return &layout{kind: kind, size: size, align: size}, ok
}

// limit makes an integer an enum.
func (l *layout) limit(largest uint64) error {
	bits := 8 * l.size
	switch {
	case strings.HasPrefix(l.kind, "uint"):
	case strings.HasPrefix(l.kind, "int"):
		bits--
	default:
		return fmt.Errorf("%s has a largest value, which only integers have", l.kind)
	}
	if bits < 64 && largest>>bits != 0 {
		return fmt.Errorf("the largest value %d exceeds %s", largest, l.kind)
	}
	l.enum, l.max, l.checked = true, largest, true
	return nil
}

// array returns the layout of n elements.
func array(elem *layout, n int) (*layout, error) {
	switch {
	case n <= 0:
		return nil, fmt.Errorf("an array of length %d has no bytes", n)
	case n > maxSize/elem.size:
		return nil, fmt.Errorf("it is larger than %d bytes", maxSize)
	}
	return &layout{
		kind: kindArray, size: n * elem.size, align: elem.align, elem: elem, length: n,
		checked: elem.checked, padded: elem.padded, goBool: elem.goBool,
	}, nil
}

// add appends a field to a struct. It fails where the compiler of some processor would add padding.
func (l *layout) add(name string, f *layout) error {
	if gap := padding(l.size, f.align); gap > 0 {
		return fmt.Errorf("begins at byte %d, and its alignment is %d: declare the padding `_ [%d]byte` before it, or order the fields by falling size", l.size, f.align, gap)
	}
	if f.size > maxSize-l.size {
		return fmt.Errorf("ends behind byte %d", maxSize)
	}
	key, err := json.Marshal(name)
	if err != nil {
		return err
	}
	added := field{name, string(key) + ":", l.size, f}
	l.fields = append(l.fields, added)
	l.size += f.size
	l.align = max(l.align, f.align)
	if added.padding() {
		l.padded = true
		return nil
	}
	l.checked = l.checked || f.checked
	l.padded = l.padded || f.padded
	l.goBool = l.goBool || f.goBool
	return nil
}

// end fails unless the size of a struct is a multiple of its alignment.
func (l *layout) end() error {
	if gap := padding(l.size, l.align); gap > 0 {
		return fmt.Errorf("has %d bytes, and its alignment is %d: declare the padding `_ [%d]byte` as its last field", l.size, l.align, gap)
	}
	return nil
}

// padding is the number of bytes from size to the next multiple of align.
func padding(size, align int) int { return -size & (align - 1) }

// path names the part of a value that has the byte at off, such as ".Points[3].X".
func (l *layout) path(off int) string {
	switch l.kind {
	case kindArray:
		i := off / l.elem.size
		return "[" + strconv.Itoa(i) + "]" + l.elem.path(off-i*l.elem.size)
	case kindStruct:
		for _, f := range l.fields {
			if off-f.offset < f.layout.size {
				return "." + f.name + f.layout.path(off-f.offset)
			}
		}
	}
	return ""
}

// clearPadding sets the padding in a value's bytes to zero.
func (l *layout) clearPadding(b []byte) {
	switch {
	case !l.padded:
	case l.kind == kindArray:
		for i := range l.length {
			l.elem.clearPadding(b[i*l.elem.size:][:l.elem.size])
		}
	default:
		for _, f := range l.fields {
			part := b[f.offset:][:f.layout.size]
			if f.padding() {
				clear(part)
			} else {
				f.layout.clearPadding(part)
			}
		}
	}
}
