package flatbuffers

import "encoding/binary"

// A message finds the parts of a verified message.
type message struct {
	buf   []byte
	steps int64 // that are left
}

func (m *message) uint16(at int) int   { return int(binary.LittleEndian.Uint16(m.buf[at:])) }
func (m *message) indirect(at int) int { return at + m.uint32(at) }
func (m *message) uint32(at int) int   { return int(binary.LittleEndian.Uint32(m.buf[at:])) }

// where returns where a table has the value of a field, 0 if it lacks the field.
func (m *message) where(table int, f *field) int {
	vtable := table - int(int32(m.uint32(table)))
	if f.offset+2 > m.uint16(vtable) {
		return 0
	}
	if off := m.uint16(vtable + f.offset); off != 0 {
		return table + off
	}
	return 0
}

// known reports whether the value of a union, whose type is stored at an offset, can be shown.
func (m *message) known(e *enum, unionType int) bool {
	if unionType == 0 {
		return false
	}
	v, ok := e.value(int64(m.buf[unionType]))
	return ok && v.typ.base != typeNone
}

// names returns the name of a value or the names of its flags, separated by spaces, if there are names for it.
func (e *enum) names(n int64) ([]byte, bool) {
	if v, ok := e.value(n); ok {
		return []byte(v.name), true
	}
	if !e.flags {
		return nil, false
	}
	var text []byte
	for _, v := range e.values {
		if v.value != 0 && n&v.value == v.value {
			n &^= v.value
			if text != nil {
				text = append(text, ' ')
			}
			text = append(text, v.name...)
		}
	}
	return text, n == 0 && text != nil
}

// scalarBits returns the bits of a scalar.
func scalarBits(b []byte) uint64 {
	switch len(b) {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(binary.LittleEndian.Uint16(b))
	case 4:
		return uint64(binary.LittleEndian.Uint32(b))
	}
	return binary.LittleEndian.Uint64(b)
}

// extend extends the sign of an integer.
func extend(bits uint64, b baseType) int64 {
	if !b.signed() {
		return int64(bits)
	}
	shift := 64 - 8*b.size()
	return int64(bits<<shift) >> shift
}
